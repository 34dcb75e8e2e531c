"""The profile's tables, bound to nothing (see `storage`)."""

from peewee import CompositeKey, Model, TextField, TimestampField


class Account(Model):
    """An account of ours at a registry, and when it was last logged in as."""

    registry = TextField()
    username = TextField()
    used_at = TimestampField(resolution=10**6, utc=True)

    class Meta:
        """One row for each account."""

        table_name = "account"
        primary_key = CompositeKey("registry", "username")


class KnownName(Model):
    """A user of a registry whom we met: found, called, or called by."""

    registry = TextField()
    username = TextField()

    class Meta:
        """One row for each name."""

        table_name = "known_name"
        primary_key = CompositeKey("registry", "username")


TABLES = (Account, KnownName)

SCHEMA_VERSION = 1
"""Kept in SQLite's user_version; a newer one is refused."""
