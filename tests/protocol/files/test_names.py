"""No name or path of a contact leaves its folder, hides, or means something else on a disk."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.protocol.files.names import (
    MOST_DEPTH,
    MOST_NAME_BYTES,
    UNNAMED,
    check_paths,
    numbered,
    safe_name,
)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("Ünïcode ☃ 会議.txt", "Ünïcode ☃ 会議.txt"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("/etc/shadow", "_etc_shadow"),
        ("C:\\Windows\\x.exe", "C__Windows_x.exe"),
        (".bashrc", "_bashrc"),
        ("..", UNNAMED),
        (".", UNNAMED),
        ("", UNNAMED),
        ("   ", UNNAMED),
        ("x.", "x"),
        ("x. . ", "x"),
        ("a\0b", "a_b"),
        ("a\nb\x1b[2J\x9b", "a_b_[2J_"),
        ("annexe\u202efdp.exe", "annexe_fdp.exe"),
        ("a\u200bb\ufeff", "a_b_"),
        ('a*b?c"d<e>f|g', "a_b_c_d_e_f_g"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("Lpt1.tar.gz", "_Lpt1.tar.gz"),
        ("com¹", "_com¹"),
        ("nul .txt", "_nul .txt"),
        ("conference.txt", "conference.txt"),
        ("-rf", "-rf"),
        ("\ud800lone", "_lone"),
        ("\ue000private", "_private"),
    ],
)
def test_hostile_names_become_harmless(name: str, safe: str) -> None:
    """The list grows with every trick that is heard of."""
    assert safe_name(name) == safe


@given(st.text(max_size=300))
def test_every_name_is_one_safe_component(name: str) -> None:
    """Whatever it is; and a safe one stays as it is."""
    safe = safe_name(name)
    assert safe
    assert safe == Path(safe).name
    assert not safe.startswith(".")
    assert not safe.endswith((".", " "))
    assert len(os.fsencode(safe)) <= MOST_NAME_BYTES + 1
    assert unicodedata.is_normalized("NFC", safe)
    assert safe.isprintable() or all(
        unicodedata.category(c) in {"Zs", "Mn"} or c.isprintable() for c in safe
    )
    assert safe_name(safe) == safe


@given(
    st.text(alphabet="aé会.", min_size=1, max_size=400), st.sampled_from([".pdf", ".tar.gz", ""])
)
def test_long_names_keep_their_suffix(stem: str, suffix: str) -> None:
    """So that what opens a file still knows it."""
    safe = safe_name(f"x{stem}x{suffix}")
    assert safe.endswith(suffix[-3:] or "x") or len(stem) > 60


def test_numbers_come_before_the_suffix() -> None:
    """As people expect."""
    assert numbered("report.pdf", 2) == "report (2).pdf"
    assert numbered("README", 3) == "README (3)"
    assert numbered("a.b c d e f g h i j k l m n", 2) == "a.b c d e f g h i j k l m n (2)"


def test_paths_of_a_folder() -> None:
    """Files in folders, the empty folder too."""
    check_paths([])
    check_paths(["a", "b/c", "b/d", "b/e/f"])
    check_paths(["/".join("x" * MOST_DEPTH)])


@pytest.mark.parametrize(
    "paths",
    [
        ["../a"],
        ["a/../../b"],
        ["/a"],
        ["a//b"],
        ["a/"],
        [""],
        ["."],
        ["a/./b"],
        [".ssh/authorized_keys"],
        ["a", "a"],
        ["a", "A"],
        ["ß", "SS"],
        ["é", "e\u0301"],
        ["a", "a/b"],
        ["a/b", "a"],
        ["A/b", "a"],
        ["con/x"],
        ["a\\b"],
        ["a\0"],
        ["/".join("x" * (MOST_DEPTH + 1))],
        ["/".join(["x" * 190] * 25)],
    ],
    ids=repr,
)
def test_paths_that_lead_elsewhere_or_collide(paths: list[str]) -> None:
    """Each is refused as a whole, before anything is written."""
    with pytest.raises(ValueError, match="path"):
        check_paths(paths)


@given(st.lists(st.text(alphabet="ab./\\ \0é:", max_size=12), max_size=6))
def test_accepted_paths_stay_below_their_folder(paths: list[str]) -> None:
    """And can all be there at once."""
    try:
        check_paths(paths)
    except ValueError:
        return
    folder = Path("/folder")
    resolved = [Path(os.path.normpath(folder / path)) for path in paths]
    assert all(path.is_relative_to(folder) and path != folder for path in resolved)
    assert len(set(resolved)) == len(resolved)
    assert not {path for one in resolved for path in one.parents} & set(resolved)
