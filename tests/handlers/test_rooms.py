"""How the screens hang together: listeners are short and take a turn, what buttons carry can be read again, forms say what is wrong."""

import ast
import importlib
import inspect
import pkgutil
import statistics
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_bolt.async_app import AsyncApp

import handlers
from bot.errors import FormErrors, OldButton
from bot.texts import N_
from bot.twilio.contents import Page
from handlers import ref, screen
from handlers.forms import Form, needed
from handlers.ref import OfBundle, OfPurchase
from handlers.screen import ON_MESSAGES, SCREENS
from tests.house.tree import ROOT

for each in pkgutil.walk_packages(handlers.__path__, "handlers."):
    importlib.import_module(each.name)

OURS = {"app", "t"}
"""What bot/app.py adds to Bolt's context."""
BOLTS = {"ack", "body", "client", "context", "error", "next_", "logger", "payload", "view", "say", "respond"}


def test_nobody_names_a_parameter_that_bolt_does_not_know() -> None:
    bolt = AsyncApp(token="xoxb-x", signing_secret="x", request_verification_enabled=False)
    any_listener = next(iter(ON_MESSAGES.values()))
    screen.add_to(bolt, any_listener, any_listener)
    named: set[str] = set()
    for listener in bolt._async_listeners:
        named |= set(inspect.signature(listener.ack_function).parameters)
        for matcher in listener.matchers:
            named |= set(inspect.signature(getattr(matcher, "func", matcher)).parameters) & OURS
    assert named <= OURS | BOLTS, named


def lengths() -> dict[str, int]:
    """Statements' lines of each listener, without its docstring."""
    found = {}
    for file in (ROOT / "handlers").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.AsyncFunctionDef) and node.args.args and node.args.args[0].arg == "turn":
                told = ast.get_docstring(node) is not None
                body = node.body[1:] if told else node.body
                if body:
                    lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
                    found[f"{file.relative_to(ROOT)}:{node.name}"] = lines
                assert len(node.args.args) <= 3 or file.name in ("flow.py", "end_user.py"), node.name
    return found


def test_listeners_are_a_few_lines() -> None:
    long = lengths()
    assert statistics.median(long.values()) <= 8, long
    assert max(long.values()) <= 25, {name: n for name, n in long.items() if n > 25}


def test_no_two_listeners_hear_the_same() -> None:
    heard = [(each.callback_id, action) for each in SCREENS for action in each.actions]
    sent = [each.callback_id for each in SCREENS if each.submitted is not None]
    assert len(heard) == len(set(heard)) and len(sent) == len(set(sent))


ids = st.text("0123456789abcdef", min_size=1, max_size=32)


@given(ids, st.integers(0, 99), st.sampled_from(["", "+4930123456"]))
def test_what_a_cards_button_carries_is_read_again(purchase: str, quote: int, choice: str) -> None:
    of = OfPurchase(purchase, quote, choice)
    assert OfPurchase.parse(str(of)) == of


@given(ids, st.builds(Page, st.sampled_from(["group", "document"]), st.integers(0, 9), st.integers(0, 9)))
def test_what_a_bundles_page_carries_is_read_again(bundle: str, page: Page) -> None:
    of = OfBundle(bundle, page, "p1", "passport", "")
    assert OfBundle.parse(str(of)) == of and OfBundle.parse(bundle) == OfBundle(bundle)


@pytest.mark.parametrize("made_up", ["", "p1:x", "p1:1.5:+49"])
def test_what_is_made_up_is_refused_with_a_sentence(made_up: str) -> None:
    try:
        assert OfPurchase.parse(made_up) == OfPurchase("")
    except OldButton as error:
        assert "too old" in str(error)


class Both(Form):
    reason: Annotated[str, needed(N_("Choose a bundle."))]
    kind: str | None = None


def sent(**values: Any) -> dict[str, Any]:
    return {"state": {"values": {name: {name: value} for name, value in values.items()}}}


def test_a_form_takes_what_was_typed_and_says_what_is_missing() -> None:
    assert Both.read(sent(reason={"value": " because "})).reason == "because"
    for nothing in (sent(), sent(reason={"value": "  "}), sent(reason={"value": None})):
        with pytest.raises(FormErrors) as refused:
            Both.read(nothing)
        assert refused.value.fields == {"reason": {"say": "Choose a bundle.", "with": {}}}
    with pytest.raises(FormErrors) as odd:
        Both.read(sent(reason={"value": "x"}, kind={"selected_options": [{"value": "a"}]}))
    assert "once more" in odd.value.fields["kind"]["say"]


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({"actions": [{"value": "0123456789ab:2"}]}, {"purchase": "0123456789ab"}),
        ({"actions": [{"selected_option": {"value": "end:0123456789ab:1"}}]}, {"purchase": "0123456789ab"}),
        ({"view": {"private_metadata": "0123456789ab"}}, {"purchase": "0123456789ab"}),
        (
            {"view": {"private_metadata": str(OfBundle("ba9876543210", purchase_id="0123456789ab"))}},
            {"bundle": "ba9876543210", "purchase": "0123456789ab"},
        ),
        ({"view": {"private_metadata": str(OfBundle("ba9876543210"))}}, {"bundle": "ba9876543210"}),
        ({"actions": [{"value": "Walburga: hello"}], "view": None}, {}),
        ({"actions": "altered", "view": []}, {}),
        ({"actions": [None], "view": {"private_metadata": {"a": 1}}}, {}),
    ],
)
def test_the_log_learns_ids_from_what_slack_carries_back_and_nothing_else(
    body: dict[str, Any], about: dict[str, str]
) -> None:
    assert ref.about(body) == about
