"""Paths are text in UTF-8; `tests/cli/test_locales.py` has them in other locales."""

import os
from pathlib import Path

import pytest

from p2pchat.errors import P2PError, UsageError
from p2pchat.paths import name_of, path_of, shown, text_of

NOT_UTF8 = Path(os.fsdecode(b"/caf\xe9"))


@pytest.mark.parametrize("text", ["/a b", "/caf\u00e9", "/\u4f1a\u8b70 \U0001f600"])
def test_text_and_path_are_each_others(text: str) -> None:
    """What is stored or sent as text is found again on the disk, in its bytes."""
    assert text_of(path_of(text)) == text
    assert os.fsencode(path_of(text)) == text.encode()
    assert shown(path_of(text)) == text


def test_name_that_is_not_utf8_is_refused_as_text(tmp_path: Path) -> None:
    """The error shows its bytes, and it can be displayed."""
    with pytest.raises(UsageError, match=r"^/caf\\xe9 is not UTF-8$"):
        text_of(NOT_UTF8)
    assert shown(NOT_UTF8) == "/caf\ufffd"


def test_nul_is_no_part_of_a_path() -> None:
    """The system would refuse it much later, with an error of another kind."""
    with pytest.raises(UsageError, match="NUL"):
        path_of("/srv/a\0b")


def test_name_that_no_bytes_stand_for_is_refused() -> None:
    """As a library's caller can give it, and in a locale without that character."""
    with pytest.raises(UsageError, match="not possible as a name"):
        text_of("/srv/x\ud800")


def test_text_with_half_a_character_is_some_name() -> None:
    """A surrogate from elsewhere, as JSON may have it, raises nothing."""
    assert name_of("a\ud800b") == "a?b"


@pytest.mark.parametrize("text", [str(NOT_UTF8), "/caf\ud800"])
def test_every_error_can_be_stored_and_shown(text: str) -> None:
    """Errors quote paths, and are written to databases, JSON and terminals."""
    error = P2PError(text, likely=text, advice=text)
    for said in (error.what, error.likely, error.advice, str(error)):
        assert said.encode().startswith(b"/caf")
