"""``make country-names`` writes ``bot/locale/countries.json`` from CLDR's territories: Babel has only one name for each.

Source: the npm package cldr-localenames-full (Unicode licence), ``main/LANGUAGE/territories.json``.
"""

import json
import sys
from pathlib import Path
from typing import Any

from bot.countries import FILE

NO_COUNTRIES = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"])
"""Two letters in CLDR, and no country of ISO 3166: groups, exceptional reservations, placeholders."""
FORMS = ("", "-alt-short", "-alt-variant")


def names(package: Path, languages: tuple[str, ...] = ("en", "ja")) -> dict[str, dict[str, list[str]]]:
    """``{code: {language: names}}``, the usual name first."""
    found: dict[str, dict[str, list[str]]] = {}
    for language in languages:
        file: Any = json.loads((package / "main" / language / "territories.json").read_text())
        territories = file["main"][language]["localeDisplayNames"]["territories"]
        for code in territories:
            if len(code) == 2 and code.isalpha() and code not in NO_COUNTRIES:
                every = [territories[code + form] for form in FORMS if code + form in territories]
                found.setdefault(code, {})[language] = every
    return found


if __name__ == "__main__":
    lines = (
        f'"{code}": {json.dumps(every, ensure_ascii=False)}'
        for code, every in names(Path(sys.argv[1])).items()
    )
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
