"""The registry's tables, the same on SQLite and PostgreSQL.

They are not bound to a database; see `storage`.
"""

from p2pchat.orm import peewee
from p2pchat.storage import AddColumn


class Account(peewee.Model):
    """An account, which may log in unless `disabled`. `password_hash` is an Argon2id PHC string.

    `key` is the public key of the identity that logged in last through a secure listener, if any;
    such an account may use the original listener only if its owner allows it.
    """

    username = peewee.TextField(primary_key=True)
    password_hash = peewee.TextField()
    key = peewee.BlobField(null=True)
    allows_original = peewee.BooleanField(default=False)
    created_at = peewee.TimestampField(utc=True)
    disabled = peewee.BooleanField(default=False)

    class Meta:
        """Keyed by name."""

        table_name = "account"


class Token(peewee.Model):
    """A token replaces the password of one account, with one key, until it expires.

    Only its SHA-256 is stored. `replaces` is the hash (in hex) of the token that it succeeds, until
    it is first used. Times are in seconds since the epoch.
    """

    token_hash = peewee.BlobField(primary_key=True)
    username = peewee.TextField(index=True)
    key = peewee.BlobField(null=True)
    expires_at = peewee.BigIntegerField()
    issued_at = peewee.BigIntegerField(default=0)
    replaces = peewee.TextField(null=True)

    class Meta:
        """Keyed by hash."""

        table_name = "token"


LAST_ISSUE = peewee.fn.MAX(Token.issued_at)


class Invite(peewee.Model):
    """A code with which accounts can be created; only its SHA-256 is stored."""

    code_hash = peewee.BlobField(primary_key=True)
    uses_left = peewee.IntegerField()
    expires_at = peewee.BigIntegerField()

    class Meta:
        """Keyed by hash."""

        table_name = "invite"


def _flag() -> peewee.BooleanField:
    """Return a field that nodes of the version before need not write; see USABLE_FROM."""
    return peewee.BooleanField(constraints=[peewee.SQL("DEFAULT FALSE")])


class InstantField(peewee.DateTimeField):
    """An instant by the database's clock, independent of time zones."""

    field_type = "TIMESTAMPTZ"


class Node(peewee.Model):
    """One of several registry processes that share this database.

    Its presence entries are valid until `lease_until`. `url` is the link by which clients join
    there; empty without a secure listener. `meets`: it can tell its users that others ask for a
    circuit.
    """

    id = peewee.BigIntegerField(primary_key=True)
    url = peewee.TextField()
    lease_until = InstantField()
    meets = _flag()

    class Meta:
        """Keyed by a number that each process chooses at random."""

        table_name = "node"


class Presence(peewee.Model):
    """A user who is online at one of the nodes; see `presence.OnlineSession`."""

    username = peewee.TextField(primary_key=True)
    node = peewee.BigIntegerField(index=True)
    host = peewee.TextField()
    port = peewee.IntegerField()
    clear_port = peewee.IntegerField()
    in_clear = peewee.BooleanField()
    key = peewee.BlobField(null=True)
    meets = _flag()
    hidden = _flag()

    class Meta:
        """Keyed by name: a user is online at one node only."""

        table_name = "presence"
        indexes = ((("host", "port"), False),)


class NodeList(peewee.Model):
    """A signed list of the other nodes; see proofs.SignedNodes.

    `signer` is the fingerprint of the signing node's key, `signed` the list as JSON.
    """

    signer = peewee.TextField(primary_key=True)
    signed = peewee.TextField()
    expires_at = peewee.BigIntegerField()

    class Meta:
        """Keyed by signer."""

        table_name = "node_list"


class RegistryId(peewee.Model):
    """The id of the registry, which sealed runs are bound to: the same at all nodes."""

    row = peewee.IntegerField(primary_key=True)
    id = peewee.BlobField()

    class Meta:
        """One row."""

        table_name = "registry_id"


class BoxPrekey(peewee.Model):
    """A prekey of a mailbox; see `protocol.mailbox.Prekey`."""

    id = peewee.AutoField()
    username = peewee.TextField()
    key = peewee.BlobField()
    number = peewee.BlobField()
    kem = peewee.TextField()
    public = peewee.BlobField()
    signature = peewee.BlobField()
    one_time = peewee.BooleanField()
    expires_at = peewee.BigIntegerField(index=True)

    class Meta:
        """An owner has each number once."""

        table_name = "box_prekey"
        indexes = ((("username", "key", "number"), True),)


class BoxPass(peewee.Model):
    """A pass by which one contact may leave runs in a mailbox; `pass_hash` is its SHA-256.

    `used_bytes` were left with it on the day `used_day` (days since the epoch).
    """

    username = peewee.TextField()
    key = peewee.BlobField()
    pass_hash = peewee.BlobField()
    used_day = peewee.BigIntegerField(default=0)
    used_bytes = peewee.BigIntegerField(default=0)

    class Meta:
        """An owner has each pass once."""

        table_name = "box_pass"
        indexes = ((("username", "key", "pass_hash"), True),)


class BoxRun(peewee.Model):
    """A sealed run in a mailbox, numbered in the order of leaving.

    Times are in seconds since the epoch; it expires at `until`. `pass_hash` is of the pass by which
    it was left, which is all that is known of the sender.
    """

    n = peewee.BigAutoField()
    id = peewee.BlobField(unique=True)
    username = peewee.TextField()
    key = peewee.BlobField()
    size = peewee.IntegerField()
    sealed = peewee.BlobField()
    pass_hash = peewee.BlobField()
    left_at = peewee.BigIntegerField()
    until = peewee.BigIntegerField(index=True)

    class Meta:
        """Found by owner."""

        table_name = "box_run"
        indexes = (
            (("username", "key", "n"), False),
            # For quotas, without reading the runs.
            (("username", "pass_hash", "size"), False),
            (("size",), False),
        )


MAILBOX_TABLES = (BoxPrekey, BoxPass, BoxRun)
ACCOUNT_TABLES = (Account, Token, Invite, RegistryId, *MAILBOX_TABLES)
SHARED_TABLES = (*ACCOUNT_TABLES, Node, NodeList, Presence)

SCHEMA_VERSION = 7
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
    5: (
        AddColumn("node", "meets", "BOOLEAN NOT NULL DEFAULT FALSE"),
        AddColumn("presence", "meets", "BOOLEAN NOT NULL DEFAULT FALSE"),
    ),
    6: (AddColumn("presence", "hidden", "BOOLEAN NOT NULL DEFAULT FALSE"),),
    7: (),  # the tables of mailboxes
}
