"""The profile's tables, bound to nothing (see `storage`)."""

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

    `nodes_issued_at` is when the list of its other machines was signed that we believe, in seconds
    since the epoch.
    """

    registry = TextField(primary_key=True)
    fingerprint = TextField()
    nodes_issued_at = BigIntegerField(default=0)

    class Meta:
        """One row for each registry."""

        table_name = "registry"


class Machine(Model):
    """Another machine of a registry, by a join link that the registry's pinned key has signed.

    It counts until `expires_at`, in seconds since the epoch.
    """

    registry = TextField()
    url = TextField()
    expires_at = BigIntegerField()

    class Meta:
        """One row for each of them."""

        table_name = "machine"
        primary_key = CompositeKey("registry", "url")


class Contact(Model):
    """A user of a registry that we have found or called, or that has called us.

    `key` is the one that we talked to (None: never, or in clear), `verified` if its safety number
    was compared, `blocked` if we do not want to hear from them. `other_key` is another one that was
    shown under that name last, and refused. `accepted` if we have talked: their links come up
    without asking. `hinted_at` is when the user was last told to verify them, `muted_until` until
    when they make no sound; both in seconds since the epoch. `invited`: verified, because one of
    us has invited the other; `invitation` is the secret to show them for it, until they have it.
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
        """One row for each."""

        table_name = "issued_invitation"


class ConversationState(Model):
    """The state of a conversation with a contact, for each of their keys.

    `last_in` and `last_out` number the last line that is on our disk in each direction, `acked` the
    last one of ours that is on the contact's. `in_sum` and `acked_sum` complete the two positions
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
    """The id of a line that was taken lately, of whichever conversation `talk` stands for.

    Kept apart from the lines, which may be deleted: the same line may come again.
    """

    n = BigIntegerField(primary_key=True)
    talk = BlobField()
    uid = TextField()

    class Meta:
        """In the order in which they came."""

        table_name = "recent"
        indexes = ((("talk", "uid"), False),)


class Line(Model):
    """A line of a conversation. `state` is one of `lines.LineState`, `uid` the sender's id for it.

    `at` is when it was written, by the sender's clock; `kept_at` when it was kept, by ours. Both in
    milliseconds since the epoch, as is `expires_at`, after which a waiting line is given up (0:
    never).
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
        """In the order of their coming; each number of a conversation once."""

        table_name = "line"
        indexes = (
            (("registry", "username", "key", "outgoing", "seq"), True),
            (("registry", "username", "id"), False),
            (("state", "registry", "username"), False),
            (("uid",), False),
        )


class Scheduled(Model):
    """A line that is to be sent later; see schedule.ScheduledLine."""

    id = BigIntegerField(primary_key=True)
    registry = TextField()
    username = TextField()
    uid = TextField(unique=True)
    text = TextField()
    written_at = BigIntegerField()
    not_before = BigIntegerField()
    expires_at = BigIntegerField(default=0)

    class Meta:
        """In the order in which they were written."""

        table_name = "scheduled"


LINE_COUNT = fn.COUNT(Line.id)
EARLIEST = fn.MIN(Line.at)


class LineWords(Model):
    """The words of all lines, as FTS5 keeps them (see FINISH); its rowid is the line's id."""

    rowid = BigIntegerField(primary_key=True)
    line_words = TextField()  # what FTS5 calls all of a row's columns

    class Meta:
        """Made by FINISH."""

        table_name = "line_words"

    @classmethod
    def match(cls, query: str) -> Expression:
        """Return the condition that a line's words match, in FTS5's language."""
        return Expression(cls.line_words, "MATCH", query)


class LineGrams(Model):
    """What the words do not help to find of all lines (see `grams`); its rowid is the line's id."""

    rowid = BigIntegerField(primary_key=True)
    line_grams = TextField()

    class Meta:
        """Made by FINISH."""

        table_name = "line_grams"

    @classmethod
    def match(cls, query: str) -> Expression:
        """Return the condition that a line's grams match, in FTS5's language."""
        return Expression(cls.line_grams, "MATCH", query)


def text_has(term: str) -> Function:
    """Return the condition that a line's text contains the term, whatever the case of letters."""
    return fn.has_term(Line.text, term)


class Unindexed(Model):
    """Lines up to that id have no grams yet: they were kept by an older version."""

    up_to = BigIntegerField(primary_key=True)

    class Meta:
        """One row, or none."""

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
"""Kept in SQLite's user_version; a newer one is refused."""

STEPS = {
    2: (AddColumn("contact", "other_key", "BLOB"),),
    3: (AddColumn("contact", "accepted", "INTEGER NOT NULL DEFAULT 0"),),
    6: (
        AddColumn("conversation", "in_sum", f"TEXT NOT NULL DEFAULT '{NO_SUM}'"),
        AddColumn("conversation", "acked_sum", f"TEXT NOT NULL DEFAULT '{NO_SUM}'"),
        AddColumn("line", "kept_at", "INTEGER NOT NULL DEFAULT 0"),
        "UPDATE line SET kept_at = min(at, 1000 * strftime('%s', 'now'))",
        AddColumn("machine", "expires_at", "INTEGER NOT NULL DEFAULT 0"),
        "DELETE FROM machine",  # older versions kept lists of machines that nothing vouched for
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
"""What migrates an older profile to each version."""

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
"""What a profile has besides tables: the words and the grams of all lines, for searching."""

FUNCTIONS: Mapping[str, Callable[..., object]] = {"grams": grams, "has_term": has_term}
"""What its triggers and queries call."""
