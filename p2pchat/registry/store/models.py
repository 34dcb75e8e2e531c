"""The registry's tables, the same on SQLite and PostgreSQL.

They are not bound to a database; see `storage`.
"""

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    DateTimeField,
    IntegerField,
    Model,
    TextField,
    TimestampField,
    fn,
)

from p2pchat.storage import AddColumn


class Account(Model):
    """An account, which may log in unless `disabled`. `password_hash` is an Argon2id PHC string.

    `key` is the public key of the identity that logged in last through a secure listener, if any;
    such an account may use the original listener only if its owner allows it.
    """

    username = TextField(primary_key=True)
    password_hash = TextField()
    key = BlobField(null=True)
    allows_original = BooleanField(default=False)
    created_at = TimestampField(utc=True)
    disabled = BooleanField(default=False)

    class Meta:
        """Keyed by name."""

        table_name = "account"


class Token(Model):
    """A token replaces the password of one account, with one key, until it expires.

    Only its SHA-256 is stored. `replaces` is the hash (in hex) of the token that it succeeds, until
    it is first used. Times are in seconds since the epoch.
    """

    token_hash = BlobField(primary_key=True)
    username = TextField(index=True)
    key = BlobField(null=True)
    expires_at = BigIntegerField()
    issued_at = BigIntegerField(default=0)
    replaces = TextField(null=True)

    class Meta:
        """Keyed by hash."""

        table_name = "token"


LAST_ISSUE = fn.MAX(Token.issued_at)


class Invite(Model):
    """A code with which accounts can be created; only its SHA-256 is stored."""

    code_hash = BlobField(primary_key=True)
    uses_left = IntegerField()
    expires_at = BigIntegerField()

    class Meta:
        """Keyed by hash."""

        table_name = "invite"


class InstantField(DateTimeField):
    """An instant by the database's clock, independent of time zones."""

    field_type = "TIMESTAMPTZ"


class Node(Model):
    """One of several registry processes that share this database.

    Its presence entries are valid until `lease_until`. `url` is the link by which clients join
    there; empty without a secure listener.
    """

    id = BigIntegerField(primary_key=True)
    url = TextField()
    lease_until = InstantField()

    class Meta:
        """Keyed by a number that each process chooses at random."""

        table_name = "node"


class Presence(Model):
    """A user who is online at one of the nodes; see `presence.OnlineSession`."""

    username = TextField(primary_key=True)
    node = BigIntegerField(index=True)
    host = TextField()
    port = IntegerField()
    clear_port = IntegerField()
    in_clear = BooleanField()
    key = BlobField(null=True)

    class Meta:
        """Keyed by name: a user is online at one node only."""

        table_name = "presence"
        indexes = ((("host", "port"), False),)


class NodeList(Model):
    """A signed list of the other nodes; see proofs.SignedNodes.

    `signer` is the fingerprint of the signing node's key, `signed` the list as JSON.
    """

    signer = TextField(primary_key=True)
    signed = TextField()
    expires_at = BigIntegerField()

    class Meta:
        """Keyed by signer."""

        table_name = "node_list"


ACCOUNT_TABLES = (Account, Token, Invite)
SHARED_TABLES = (*ACCOUNT_TABLES, Node, NodeList, Presence)

SCHEMA_VERSION = 4
"""Stored in the database. A newer schema is refused, unless it is marked as usable from ours."""

USABLE_FROM = 4
"""The oldest program version (by its schema) that may use this schema: nodes of two versions can
share a database.

Add a column or a table in one version, with a default; remove nothing before the next one, and
raise this number then.
"""

STEPS = {
    2: (AddColumn("account", "disabled", "BOOLEAN NOT NULL DEFAULT FALSE"),),
    3: (
        AddColumn("token", "issued_at", "BIGINT NOT NULL DEFAULT 0"),
        AddColumn("token", "replaces", "TEXT"),
    ),
    4: (),  # from here on the database stores USABLE_FROM
}
