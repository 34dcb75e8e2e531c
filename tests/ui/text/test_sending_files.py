"""What is perhaps sent by mistake is asked about."""

from pathlib import Path

from p2pchat.ui.text.sending_files import MANY, why_ask


def test_reasons(tmp_path: Path) -> None:
    """A hidden name, or very many files; nothing else."""
    (tmp_path / ".env").write_text("SECRET")
    (tmp_path / "a").write_text("x")
    assert why_ask(tmp_path / ".env") == ".env is hidden"
    assert not why_ask(tmp_path / "a")
    assert why_ask(tmp_path).endswith("has hidden files, such as .env")
    many = tmp_path / "many"
    many.mkdir()
    for n in range(MANY + 1):
        (many / str(n)).touch()
    assert "more than" in why_ask(many)
