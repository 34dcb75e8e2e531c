"""The profile's tables. They are not bound to a database; see `storage`."""

from collections.abc import Callable, Mapping

from peewee import (
    SQL,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    Expression,
    Function,
    Model,
    TextField,
    fn,
)

from p2pchat.peer.store.grams import grams, has_term
from p2pchat.protocol.positions import NO_SUM
from p2pchat.storage import AddColumn


class Account(Model):
    """An account of ours at a registry, when it was last used, and its token."""

    registry = TextField()
    username = TextField()
    used_at = BigIntegerField()  # nanoseconds since the epoch
    token = TextField(default="")

    class Meta:
        """One row for each account."""

        table_name = "account"
        primary_key = CompositeKey("registry", "username")


class Registry(Model):
    """A registry whose key is pinned; `fingerprint` is that of its certificate's key.

    `nodes_issued_at` is when the current list of its other machines was signed, in seconds since
    the epoch.
    """

    registry = TextField(primary_key=True)
    fingerprint = TextField()
    nodes_issued_at = BigIntegerField(default=0)

    class Meta:
        """One row for each registry."""

        table_name = "registry"


class Machine(Model):
    """Another machine of a registry, as a join link signed with the registry's pinned key.

    It is valid until `expires_at`, in seconds since the epoch.
    """

    registry = TextField()
    url = TextField()
    expires_at = BigIntegerField()

    class Meta:
        """One row for each machine."""

        table_name = "machine"
        primary_key = CompositeKey("registry", "url")


class Contact(Model):
    """A user of a registry that we have looked up or called, or that has called us.

    - `key`: the pinned key; None for users only searched for, or met only in clear.
    - `verified`: the safety number was compared.
    - `blocked`: calls are rejected.
    - `other_key`: the last other key presented under the name, which was refused.
    - `accepted`: we have chatted; links are established without asking.
    - `hinted_at`: when the user was last told to verify the contact, in seconds since the epoch.
    - `muted_until`: until when the contact is muted, in seconds since the epoch.
    - `invited`: verified by an invitation from one of us to the other.
    - `invitation`: the secret to show to the contact until it has been received.
    """

    registry = TextField()
    username = TextField()
    key = BlobField(null=True)
    verified = BooleanField(default=False)
    blocked = BooleanField(default=False)
    other_key = BlobField(null=True)
    accepted = BooleanField(default=False)
    hinted_at = BigIntegerField(default=0)
    muted_until = BigIntegerField(default=0)
    invited = BooleanField(default=False)
    invitation = TextField(default="")

    class Meta:
        """One row for each name."""

        table_name = "contact"
        primary_key = CompositeKey("registry", "username")


class IssuedInvitation(Model):
    """An invitation that we issued: the digest of its secret, its expiry, and the user who used it.

    `expires_at` in seconds since the epoch; `used_by_key` is NULL until it is used.
    """

    digest = BlobField(primary_key=True)
    registry = TextField()
    expires_at = BigIntegerField()
    used_by = TextField(default="")
    used_by_key = BlobField(null=True)

    class Meta:
        """One row for each invitation."""

        table_name = "issued_invitation"


class ConversationState(Model):
    """The state of a conversation with a contact, for each of their keys.

    `last_in` and `last_out` are the numbers of the last line on our disk in each direction, `acked`
    that of our last line on the contact's disk. `in_sum` and `acked_sum` complete the two positions
    (see protocol.positions).
    """

    registry = TextField()
    username = TextField()
    key = BlobField()
    last_in = BigIntegerField(default=0)
    in_sum = TextField(default=NO_SUM)
    last_out = BigIntegerField(default=0)
    acked = BigIntegerField(default=0)
    acked_sum = TextField(default=NO_SUM)

    class Meta:
        """One row for each key of each contact."""

        table_name = "conversation"
        primary_key = CompositeKey("registry", "username", "key")


class Recent(Model):
    """The id of a recently received line; `talk` is a digest that identifies its conversation.

    Kept apart from the lines, which may be deleted before the same line arrives again.
    """

    n = BigIntegerField(primary_key=True)
    talk = BlobField()
    uid = TextField()

    class Meta:
        """In order of arrival."""

        table_name = "recent"
        indexes = ((("talk", "uid"), False),)


class Line(Model):
    """A line of a conversation. `state` is one of `lines.LineState`, `uid` the sender's id for it.

    `at` is when it was written by the sender's clock, `kept_at` when it was stored by ours, and
    `expires_at` when a waiting line is given up (0: never), all in milliseconds since the epoch.
    """

    id = BigIntegerField(primary_key=True)
    registry = TextField()
    username = TextField()
    key = BlobField()
    outgoing = BooleanField()
    seq = BigIntegerField()
    uid = TextField()
    at = BigIntegerField()
    text = TextField()
    state = TextField()
    kept_at = BigIntegerField(default=0)
    expires_at = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # plain SQL inserts

    class Meta:
        """In order of arrival; each number occurs once in a conversation."""

        table_name = "line"
        indexes = (
            (("registry", "username", "key", "outgoing", "seq"), True),
            (("registry", "username", "id"), False),
            (("state", "registry", "username"), False),
            (("uid",), False),
        )


class Scheduled(Model):
    """A line to be sent later; see schedule.ScheduledLine."""

    id = BigIntegerField(primary_key=True)
    registry = TextField()
    username = TextField()
    uid = TextField(unique=True)
    text = TextField()
    written_at = BigIntegerField()
    not_before = BigIntegerField()
    expires_at = BigIntegerField(default=0)

    class Meta:
        """In the order of writing."""

        table_name = "scheduled"


LINE_COUNT = fn.COUNT(Line.id)


class LineWords(Model):
    """The index of the words of all lines (FTS5, see FINISH); the rowid is the line's id."""

    rowid = BigIntegerField(primary_key=True)
    line_words = TextField()  # FTS5's name for all columns of a row

    class Meta:
        """Created by FINISH."""

        table_name = "line_words"

    @classmethod
    def match(cls, query: str) -> Expression:
        """Return the condition that a line's words match a query of FTS5."""
        return Expression(cls.line_words, "MATCH", query)


class LineGrams(Model):
    """The index of the grams of all lines (see `grams`); the rowid is the line's id."""

    rowid = BigIntegerField(primary_key=True)
    line_grams = TextField()

    class Meta:
        """Created by FINISH."""

        table_name = "line_grams"

    @classmethod
    def match(cls, query: str) -> Expression:
        """Return the condition that a line's grams match a query of FTS5."""
        return Expression(cls.line_grams, "MATCH", query)


def text_has(term: str) -> Function:
    """Return the condition that a line's text contains the term, ignoring case."""
    return fn.has_term(Line.text, term)


class Unindexed(Model):
    """Lines with ids up to `up_to` were written by an older version and have no grams yet."""

    up_to = BigIntegerField(primary_key=True)

    class Meta:
        """At most one row."""

        table_name = "unindexed"


TABLES = (
    Account,
    Registry,
    Machine,
    Contact,
    ConversationState,
    Recent,
    Line,
    Unindexed,
    IssuedInvitation,
    Scheduled,
)

SCHEMA_VERSION = 7
"""Stored in SQLite's user_version; databases of newer versions are refused."""

STEPS = {
    2: (AddColumn("contact", "other_key", "BLOB"),),
    3: (AddColumn("contact", "accepted", "INTEGER NOT NULL DEFAULT 0"),),
    6: (
        AddColumn("conversation", "in_sum", f"TEXT NOT NULL DEFAULT '{NO_SUM}'"),
        AddColumn("conversation", "acked_sum", f"TEXT NOT NULL DEFAULT '{NO_SUM}'"),
        AddColumn("line", "kept_at", "INTEGER NOT NULL DEFAULT 0"),
        "UPDATE line SET kept_at = min(at, 1000 * strftime('%s', 'now'))",
        AddColumn("machine", "expires_at", "INTEGER NOT NULL DEFAULT 0"),
        "DELETE FROM machine",  # older versions kept unsigned lists of machines
        AddColumn("registry", "nodes_issued_at", "INTEGER NOT NULL DEFAULT 0"),
    ),
    7: (
        AddColumn("contact", "hinted_at", "INTEGER NOT NULL DEFAULT 0"),
        AddColumn("contact", "muted_until", "INTEGER NOT NULL DEFAULT 0"),
        AddColumn("line", "expires_at", "INTEGER NOT NULL DEFAULT 0"),
        AddColumn("contact", "invited", "INTEGER NOT NULL DEFAULT 0"),
        AddColumn("contact", "invitation", "TEXT NOT NULL DEFAULT ''"),
        "INSERT INTO unindexed (up_to) SELECT max(id) FROM line HAVING max(id) > 0",
    ),
}
"""The steps that migrate a profile to each version."""

_IS_INDEXED = "{}.id > coalesce((SELECT up_to FROM unindexed), 0)"

FINISH = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS line_words USING fts5"
    "(text, content='line', content_rowid='id', tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER IF NOT EXISTS line_added AFTER INSERT ON line BEGIN"
    " INSERT INTO line_words(rowid, text) VALUES (new.id, new.text); END",
    "CREATE TRIGGER IF NOT EXISTS line_gone AFTER DELETE ON line BEGIN"
    " INSERT INTO line_words(line_words, rowid, text) VALUES ('delete', old.id, old.text); END",
    "CREATE VIRTUAL TABLE IF NOT EXISTS line_grams USING fts5"
    "(grams, content='', tokenize='ascii', prefix='5', detail='none')",
    "CREATE TRIGGER IF NOT EXISTS line_grams_added AFTER INSERT ON line"  # noqa: S608
    f" WHEN {_IS_INDEXED.format('new')} AND grams(new.text) <> '' BEGIN"
    " INSERT INTO line_grams(rowid, grams) VALUES (new.id, grams(new.text)); END",
    "CREATE TRIGGER IF NOT EXISTS line_grams_gone AFTER DELETE ON line"  # noqa: S608
    f" WHEN {_IS_INDEXED.format('old')} AND grams(old.text) <> '' BEGIN"
    " INSERT INTO line_grams(line_grams, rowid, grams)"
    " VALUES ('delete', old.id, grams(old.text)); END",
)
"""What a profile has besides tables: the indexes of all lines, for searching."""

FUNCTIONS: Mapping[str, Callable[..., object]] = {"grams": grams, "has_term": has_term}
"""The functions that triggers and queries call."""
