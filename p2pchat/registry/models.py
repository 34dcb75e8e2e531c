"""The registry's tables, bound to nothing (see `storage`)."""

from peewee import Model, TextField, TimestampField


class Account(Model):
    """Somebody who may log in. `password_hash` is an Argon2id PHC string."""

    username = TextField(primary_key=True)
    password_hash = TextField()
    created_at = TimestampField(utc=True)

    class Meta:
        """Keyed by name alone: without a rowid the name's index is the table."""

        table_name = "account"
        without_rowid = True


TABLES = (Account,)

SCHEMA_VERSION = 1
"""Kept in SQLite's user_version; a newer one is refused."""
