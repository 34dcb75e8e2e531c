"""The shipped documents are complete, and every citation of them resolves."""

import re
from pathlib import Path

import msgspec
import pytest

from p2pchat.protocol.messages import Grant, Message, Reason
from p2pchat.protocol.original import ORIGINAL
from p2pchat.protocol.proofs import SignedNodes
from p2pchat.protocol.secure import SECURE

ROOT = Path(__file__).parents[1]
DOCUMENTS = {
    "PROTOCOL": ROOT / "p2pchat" / "protocol" / "PROTOCOL.md",
    "ARCHITECTURE": ROOT / "p2pchat" / "ARCHITECTURE.md",
    "THREATS": ROOT / "p2pchat" / "protocol" / "THREATS.md",
}
_CITATION = re.compile(rf'\b({"|".join(DOCUMENTS)}|DESIGN)(?:\.md)?, ["`]([^"`]+)["`]')


def _headings(name: str) -> list[str]:
    text = DOCUMENTS[name].read_text()
    return re.findall(r"^#+ (.*)$", text, re.MULTILINE)


def _citations() -> list[tuple[str, str, str]]:
    found = []
    for folder in ("p2pchat", "tests"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            text = " ".join(file.read_text().split())
            found += [(str(file.relative_to(ROOT)), *cited) for cited in _CITATION.findall(text)]
    return found


def test_every_citation_names_a_heading() -> None:
    """Citations name a heading of a document in the repository."""
    citations = _citations()
    assert len(citations) > 20
    lost = [
        (file, document, heading)
        for file, document, heading in citations
        if document not in DOCUMENTS or not any(heading in each for each in _headings(document))
    ]
    assert lost == []


@pytest.mark.parametrize("kind", sorted(SECURE.kinds, key=str))
def test_the_protocol_names_every_command_and_field(kind: type[Message]) -> None:
    """PROTOCOL names each message of the secure dialect with its fields."""
    text = DOCUMENTS["PROTOCOL"].read_text()
    (command,) = (word.decode().strip() for word in SECURE.limits((kind,)))
    assert f"`{command}`" in text
    for field in msgspec.structs.fields(kind):
        assert f"`{field.name}`" in text, (command, field.name)


def test_the_protocol_names_what_is_inside_messages() -> None:
    """PROTOCOL names grants, node lists, reasons and the commands of the original dialect."""
    text = DOCUMENTS["PROTOCOL"].read_text()
    names = [field.name for kind in (Grant, SignedNodes) for field in msgspec.structs.fields(kind)]
    for word in (*names, *Reason):
        assert f"`{word}`" in text, word
    for command in ORIGINAL.limits(ORIGINAL.kinds):
        assert f"`{command.decode().strip()}`" in text


def test_files_named_in_the_architecture_exist() -> None:
    """The walks of ARCHITECTURE lead through existing files."""
    text = DOCUMENTS["ARCHITECTURE"].read_text()
    files = set(re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", text))
    assert len(files) > 20
    assert [file for file in sorted(files) if not (ROOT / "p2pchat" / file).exists()] == []
