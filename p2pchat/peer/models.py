"""The profile's tables, bound to nothing (see `storage`)."""

from peewee import BigIntegerField, BlobField, BooleanField, CompositeKey, Model, TextField


class Account(Model):
    """An account of ours at a registry, when it was last logged in as, and its token there."""

    registry = TextField()
    username = TextField()
    used_at = BigIntegerField()  # nanoseconds since the epoch
    token = TextField(default="")

    class Meta:
        """One row for each account."""

        table_name = "account"
        primary_key = CompositeKey("registry", "username")


class Registry(Model):
    """A registry whose key we have pinned; `fingerprint` is that of its certificate's key."""

    registry = TextField(primary_key=True)
    fingerprint = TextField()

    class Meta:
        """One row for each registry."""

        table_name = "registry"


class Contact(Model):
    """A user of a registry whom we met: found, called, or called by.

    `key` is the one that we talked to (None: never, or in clear), `verified` if its safety number
    was compared, `blocked` if we do not want to hear from them. `other_key` is another one that was
    shown under that name last, and refused.
    """

    registry = TextField()
    username = TextField()
    key = BlobField(null=True)
    verified = BooleanField(default=False)
    blocked = BooleanField(default=False)
    other_key = BlobField(null=True)

    class Meta:
        """One row for each name."""

        table_name = "contact"
        primary_key = CompositeKey("registry", "username")


TABLES = (Account, Registry, Contact)

SCHEMA_VERSION = 2
"""Kept in SQLite's user_version; a newer one is refused."""

STEPS = {2: ("ALTER TABLE contact ADD COLUMN other_key BLOB",)}
"""What leads an older profile to each version."""
