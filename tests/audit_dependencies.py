"""``make audit-dependencies``: whether an advisory is known for any pinned version. Exit code 0: none; 1: some; 2: not all could be asked for.

pip-audit reads the pins as they are, resolves nothing, and asks the advisory database that comes with it. What that does not know, it
leaves out and calls the rest well (pip-audit 2.10), also where nothing was left: so each package has to have its answer here.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any


def verdict(report: dict[str, Any] | None) -> tuple[int, list[str]]:
    """The exit code and what is said. report: pip-audit's in JSON; None where it made none."""
    dependencies = (report or {}).get("dependencies", [])
    found = list(_advisories(dependencies))
    asked = [each for each in dependencies if "vulns" in each]
    unasked = [each["name"] for each in dependencies if "vulns" not in each]
    if unasked or not asked:
        named = f": {', '.join(unasked)}" if unasked else ""
        found.append(f"NOT AUDITED: the advisory database did not answer for {len(unasked) or 'any'}{named}")
        return 2, found
    return (1 if found else 0), found or [f"No advisory is known for any of {len(asked)} packages."]


def _advisories(dependencies: list[dict[str, Any]]) -> Iterator[str]:
    for each in dependencies:
        for known in each.get("vulns", ()):
            fixed = ", ".join(known["fix_versions"]) or "none yet"
            yield f"{each['name']} {each['version']}: {known['id']}, mended in {fixed}"


def main(files: list[str]) -> int:
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json"]
    for file in files:
        command += ["--requirement", file]
    run = subprocess.run(command, capture_output=True, text=True)
    try:
        report = json.loads(run.stdout)
    except ValueError:
        report = None
        sys.stdout.write(run.stderr[-2000:])
    code, said = verdict(report)
    sys.stdout.write("\n".join(said) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
