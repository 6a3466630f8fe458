import pytest

from bot.folding import folded, has_control_characters


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("５５５", "555"),
        ("２．５０", "2.50"),
        ("〒100-6640", "100-6640"),
        ("１００ー６６４０", "100-6640"),
        ("１００－６６４０", "100-6640"),
        ("100‐6640", "100-6640"),
        ("スーパー", "スーパー"),
        ("\ufeffUS\u3000555 ", "US 555"),
        ("\u202a+1 415 555 0123\u202c", "+1 415 555 0123"),
        ("Saint\xa0Louis", "Saint Louis"),
    ],
)
def test_what_is_typed_means_the_same_on_every_keyboard(typed: str, means: str) -> None:
    assert folded(typed) == means


def test_line_breaks_are_no_control_characters() -> None:
    assert not has_control_characters("a\nb\tc")
    assert has_control_characters("a\x07b") and has_control_characters("a\x1b[31mb")
