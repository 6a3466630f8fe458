"""What belongs to a bundle at Twilio, by names that people in the Console can read and that are found again.

What is for reading stands in front, what is for finding in brackets behind it: ours were once called "Number Desk", the bundle's id
and their place, and those stay known (rule 42). Of a document given as a file it is the file's own name: Twilio has that and we do not.
"""

import re

from storage.models import Bundle

LONGEST = 64
LONGEST_KIND = 20
_IN_BRACKETS = re.compile(r" \([0-9a-f]{12} \d+\.\d+\)$")


def of_end_user(bundle: Bundle, kind: str) -> str:
    return _fitting(kind, f" ({bundle.mark_id})")


def of_document(bundle: Bundle, index: int, kind: str, file_name: str = "") -> str:
    """kind: of document, as people call it; index: of the requirement that it is for."""
    tail = f" ({_place(bundle, index)})"
    return _fitting(f"{short(kind, LONGEST_KIND)}: {file_name}" if file_name else kind, tail)


def is_end_user(name: str, bundle: Bundle) -> bool:
    return name == f"Number Desk {bundle.mark_id}" or name.endswith(f" ({bundle.mark_id})")


def is_document(name: str, bundle: Bundle, index: int) -> bool:
    """Whether it was made for this requirement."""
    place = _place(bundle, index)
    return name.startswith(f"Number Desk {place}: ") or name.endswith(f" ({place})")


def is_ours(name: str, bundle: Bundle) -> bool:
    """Whether it was made here for this bundle, as whatever document."""
    return name.startswith(f"Number Desk {bundle.mark_id} ") or (
        _IN_BRACKETS.search(name) is not None and f" ({bundle.mark_id} " in name
    )


def file_name(name: str) -> str:
    """Of a document's file, from its name; empty where that does not tell."""
    readable = _IN_BRACKETS.sub("", name)
    return readable.partition(": ")[2] if readable != name else ""


def _place(bundle: Bundle, index: int) -> str:
    return f"{bundle.mark_id} {bundle.group or 0}.{index}"


def _fitting(readable: str, tail: str) -> str:
    return short(readable, LONGEST - len(tail)) + tail


def short(text: str, longest: int) -> str:
    """Cut in the middle: a name tells by its beginning and by its ending."""
    if len(text) <= longest:
        return text
    ending = 6
    return f"{text[: longest - ending - 1]}…{text[-ending:]}"
