"""What the audit of the dependencies says, and that it is not well where nobody was asked."""

from typing import Any

import pytest

from tests.audit_dependencies import verdict

WELL: dict[str, Any] = {"name": "yarl", "version": "1.25.1", "vulns": []}
BAD = {"name": "a", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "b", "skip_reason": "Dependency not found and could not be audited: b (1.0)"}


@pytest.mark.parametrize(
    ("dependencies", "code", "words"),
    [
        ([WELL], 0, "No advisory is known for any of 1"),
        ([WELL, BAD], 1, "a 1.0: PYSEC-1, mended in 1.1"),
        ([WELL, UNKNOWN], 2, "NOT AUDITED: the advisory database did not answer for 1: b"),
        ([UNKNOWN], 2, "NOT AUDITED"),
        ([BAD, UNKNOWN], 2, "PYSEC-1"),
        ([], 2, "NOT AUDITED"),
    ],
)
def test_a_package_is_well_only_where_the_database_said_so(
    dependencies: list[dict[str, Any]], code: int, words: str
) -> None:
    judged, said = verdict({"dependencies": dependencies})
    assert judged == code and words in "\n".join(said)


def test_an_audit_that_came_to_nothing_is_no_good_news() -> None:
    code, said = verdict(None)
    assert code == 2 and said == ["NOT AUDITED: the advisory database did not answer for any"]
