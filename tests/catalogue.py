"""The texts in the code, as a gettext catalogue; ``python -m tests.catalogue`` brings the translations up to date."""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
LOCALES = ROOT / "bot" / "locale"
KEYWORDS = {"t": None, "N_": None, "NC_": ((1, "c"), 2), "say": None, "n": (1, 2), "sentence": (2,)}


def in_code() -> Catalog:
    """Every text that is marked for translation, with where it stands."""
    catalogue = Catalog(project="Number Desk", charset="utf-8")
    for folder in ("bot", "handlers"):
        found = extract_from_dir(ROOT / folder, method_map=[("**.py", "python")], keywords=KEYWORDS)
        for file, _, message, _, context in found:
            catalogue.add(message, context=context, locations=[(f"{folder}/{file}", None)])
    return catalogue


def translations(language: str) -> Catalog:
    with (LOCALES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


def languages() -> list[str]:
    return sorted(each.name for each in LOCALES.iterdir() if each.is_dir())


def write(language: str, catalogue: Catalog) -> None:
    with (LOCALES / language / "LC_MESSAGES" / "messages.po").open("wb") as file:
        write_po(file, catalogue, width=110, omit_header=False, sort_by_file=True)


if __name__ == "__main__":
    for each in languages():
        updated = translations(each)
        updated.update(in_code(), no_fuzzy_matching=True)
        updated.obsolete.clear()
        write(each, updated)
