"""The registry's tables, bound to nothing (see `storage`)."""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    IntegerField,
    Model,
    TextField,
    TimestampField,
)


class Account(Model):
    """Somebody who may log in. `password_hash` is an Argon2id PHC string.

    `key` is the public key of the identity that logged in last through a secure door, if any has;
    such an account may use the original door only if its owner allows it.
    """

    username = TextField(primary_key=True)
    password_hash = TextField()
    key = BlobField(null=True)
    allows_original = BooleanField(default=False)
    created_at = TimestampField(utc=True)

    class Meta:
        """Keyed by name alone: without a rowid the name's index is the table."""

        table_name = "account"
        without_rowid = True


class Token(Model):
    """A login that needs no password: for one account, with one key, until it has not been used
    for too long. Only the token's SHA-256 is kept.
    """

    token_hash = BlobField(primary_key=True)
    username = TextField(index=True)
    key = BlobField(null=True)
    expires_at = BigIntegerField()

    class Meta:
        """Keyed by hash alone."""

        table_name = "token"
        without_rowid = True


class Invite(Model):
    """A code by which accounts may be made; only its SHA-256 is kept."""

    code_hash = BlobField(primary_key=True)
    uses_left = IntegerField()
    expires_at = BigIntegerField()

    class Meta:
        """Keyed by hash alone."""

        table_name = "invite"
        without_rowid = True


TABLES = (Account, Token, Invite)

SCHEMA_VERSION = 1
"""Kept in SQLite's user_version; a newer one is refused."""
