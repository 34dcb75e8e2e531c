"""The names of a registry's files in its data folder. Opens none of them."""

from pathlib import Path


def registry_database(folder: Path) -> Path:
    """Return the database of the registry in that folder."""
    return folder / "accounts.sqlite3"


def own_certificate(folder: Path) -> tuple[Path, Path]:
    """Return the files of the self-signed certificate and key of a registry in that folder."""
    return folder / "registry-cert.pem", folder / "registry-key.pem"
