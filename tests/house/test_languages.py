"""Every text in every language: none missing, none unused, the same placeholders, within Slack's limits."""

import re
import string
from collections.abc import Iterator
from typing import Any

import pytest

from bot.texts import LANGUAGES, NC_, Texts
from sandbox.slack.page import WORDS
from sandbox.slack.tour import STEPS
from sandbox.slack.values import SAID
from tests.catalogue import in_code, languages, translations

JAPANESE = "[ぁ-んァ-ヶ一-龥々ー]"
BESIDE_LATIN = re.compile(rf"[A-Za-z0-9_}}#%)\]] {JAPANESE}|{JAPANESE} [A-Za-z0-9_{{#(\[]")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def forms(text: Any) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, tuple | list) else (text,)


def entries(language: str) -> Iterator[tuple[str, str]]:
    """``(English, translation)``, each form of a plural by itself."""
    for entry in translations(language):
        if entry.id:
            for form in forms(entry.string):
                yield forms(entry.id)[-1], form


def test_there_is_a_catalogue_for_every_language_but_english() -> None:
    assert ["en", *languages()] == list(LANGUAGES)


@pytest.mark.parametrize("language", languages())
def test_no_text_is_missing_or_unused(language: str) -> None:
    code = {(entry.context, forms(entry.id)[0]) for entry in in_code() if entry.id}
    there = {(entry.context, forms(entry.id)[0]): entry for entry in translations(language) if entry.id}
    assert code - set(there) == set(), "missing: python -m tests.catalogue adds them"
    assert set(there) - code == set(), "unused: python -m tests.catalogue removes them"
    assert [key for key, entry in there.items() if not all(forms(entry.string))] == []
    assert [key for key, entry in there.items() if entry.fuzzy] == []


@pytest.mark.parametrize("language", languages())
def test_a_context_is_given_where_an_english_text_has_two_senses_and_nowhere_else(language: str) -> None:
    """What a language tells apart is told apart by a context; one that parts nothing is in nobody's way but the reader's."""
    senses: dict[str, list[str]] = {}
    for entry in translations(language):
        if entry.id:
            senses.setdefault(forms(entry.id)[0], []).append(forms(entry.string)[0])
    contexts = {forms(entry.id)[0] for entry in translations(language) if entry.id and entry.context}
    assert contexts and [text for text in contexts if len(set(senses[text])) < len(senses[text])] == []
    assert [text for text in contexts if len(senses[text]) < 2] == []


def test_english_people_do_not_see_the_context() -> None:
    here, elsewhere = NC_("a bundle", "Send"), "Send"
    assert (Texts("en")(here), Texts("en")(elsewhere)) == ("Send", "Send")
    assert (Texts("ja")(here), Texts("ja")(elsewhere)) == ("提出する", "送信する")
    assert Texts("ja")(NC_("nobody knows it", "Value {n}"), n=1) == "Value 1"


@pytest.mark.parametrize("language", languages())
def test_placeholders_are_the_same(language: str) -> None:
    differ = [english for english, other in entries(language) if placeholders(english) != placeholders(other)]
    assert differ == []


@pytest.mark.parametrize("language", languages())
def test_japanese_sentences_end_politely(language: str) -> None:
    """です・ます: no plain-form sentence slips in."""
    plain = [
        other for _, other in entries(language) if other.endswith(("だ。", "である。", "する。", "ない。"))
    ]
    assert plain == []


@pytest.mark.parametrize("language", languages())
def test_japanese_has_no_space_beside_latin_letters(language: str) -> None:
    """A command in backticks may have one around it."""
    spaced = [other for _, other in entries(language) if BESIDE_LATIN.search(other)]
    assert spaced == []


def test_nor_have_the_sandboxs_own_words() -> None:
    own = [
        *(japanese for _, japanese in WORDS.values()),
        *(japanese for _, japanese in SAID.values()),
        *(japanese for step in STEPS for _, japanese in (step.title, step.text, step.go)),
    ]
    assert [each for each in own if BESIDE_LATIN.search(each)] == []


def test_no_text_hides_in_an_f_string() -> None:
    """The extraction does not see ``t("...")`` inside one (Python 3.11)."""
    import ast

    from tests.catalogue import ROOT

    hidden = []
    for folder in ("bot", "handlers"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.JoinedStr):
                    hidden += [
                        f"{file.name}:{call.lineno}"
                        for call in ast.walk(node)
                        if isinstance(call, ast.Call)
                        and isinstance(call.func, ast.Name)
                        and call.func.id in ("t", "N_", "NC_", "say")
                        and call.args
                        and isinstance(call.args[0], ast.Constant)
                    ]
    assert hidden == []


def test_a_language_that_is_not_there_is_english() -> None:
    assert Texts("fr-FR").language == "en" and Texts("").language == "en"
    assert Texts("ja-JP").language == "ja"
