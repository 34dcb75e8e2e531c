"""The profile's tables. They are not bound to a database; see `storage`."""

from collections.abc import Callable, Mapping

from p2pchat.orm import peewee
from p2pchat.peer.store.grams import grams, has_term
from p2pchat.peer.store.mailbox_models import MAILBOX_TABLES
from p2pchat.peer.store.transfer_models import Transfer
from p2pchat.protocol.positions import NO_SUM
from p2pchat.storage import AddColumn


class Account(peewee.Model):
    """An account of ours at a registry, when it was last used, and its token.

    `mailbox`: whether contacts may leave lines for us in a mailbox; `passes`: a digest of the
    passes to it that the registry has.
    """

    registry = peewee.TextField()
    username = peewee.TextField()
    used_at = peewee.BigIntegerField()  # nanoseconds since the epoch
    token = peewee.TextField(default="")
    mailbox = peewee.BooleanField(default=True, constraints=[peewee.SQL("DEFAULT 1")])
    passes = peewee.BlobField(null=True)

    class Meta:
        """One row for each account."""

        table_name = "account"
        primary_key = peewee.CompositeKey("registry", "username")


class Registry(peewee.Model):
    """A registry whose key is pinned; `fingerprint` is that of its certificate's key.

    `nodes_issued_at` is when the current list of its other machines was signed, in seconds since
    the epoch.
    """

    registry = peewee.TextField(primary_key=True)
    fingerprint = peewee.TextField()
    nodes_issued_at = peewee.BigIntegerField(default=0)

    class Meta:
        """One row for each registry."""

        table_name = "registry"


class Machine(peewee.Model):
    """Another machine of a registry, as a join link signed with the registry's pinned key.

    It is valid until `expires_at`, in seconds since the epoch.
    """

    registry = peewee.TextField()
    url = peewee.TextField()
    expires_at = peewee.BigIntegerField()

    class Meta:
        """One row for each machine."""

        table_name = "machine"
        primary_key = peewee.CompositeKey("registry", "url")


class Contact(peewee.Model):
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
    - `files`: how the contact's files are treated; see calls.contacts.
    """

    registry = peewee.TextField()
    username = peewee.TextField()
    key = peewee.BlobField(null=True)
    verified = peewee.BooleanField(default=False)
    blocked = peewee.BooleanField(default=False)
    other_key = peewee.BlobField(null=True)
    accepted = peewee.BooleanField(default=False)
    hinted_at = peewee.BigIntegerField(default=0)
    muted_until = peewee.BigIntegerField(default=0)
    invited = peewee.BooleanField(default=False)
    invitation = peewee.TextField(default="")
    files = peewee.TextField(default="")

    class Meta:
        """One row for each name."""

        table_name = "contact"
        primary_key = peewee.CompositeKey("registry", "username")


class IssuedInvitation(peewee.Model):
    """An invitation that we issued: the digest of its secret, its expiry, and the user who used it.

    `expires_at` in seconds since the epoch; `used_by_key` is NULL until it is used.
    """

    digest = peewee.BlobField(primary_key=True)
    registry = peewee.TextField()
    expires_at = peewee.BigIntegerField()
    used_by = peewee.TextField(default="")
    used_by_key = peewee.BlobField(null=True)

    class Meta:
        """One row for each invitation."""

        table_name = "issued_invitation"


class ConversationState(peewee.Model):
    """The state of a conversation with a contact, for each of their keys.

    `last_in` and `last_out` are the numbers of the last line on our disk in each direction, `acked`
    that of our last line on the contact's disk. `in_sum` and `acked_sum` complete the two positions
    (see protocol.positions). `heard_at` is when the contact last sent a position, by their clock,
    in milliseconds since the epoch.
    """

    registry = peewee.TextField()
    username = peewee.TextField()
    key = peewee.BlobField()
    last_in = peewee.BigIntegerField(default=0)
    in_sum = peewee.TextField(default=NO_SUM)
    last_out = peewee.BigIntegerField(default=0)
    acked = peewee.BigIntegerField(default=0)
    acked_sum = peewee.TextField(default=NO_SUM)
    heard_at = peewee.BigIntegerField(default=0)

    class Meta:
        """One row for each key of each contact."""

        table_name = "conversation"
        primary_key = peewee.CompositeKey("registry", "username", "key")


class Recent(peewee.Model):
    """The id of a recently received line; `talk` is a digest that identifies its conversation.

    Kept apart from the lines, which may be deleted before the same line arrives again.
    """

    n = peewee.BigIntegerField(primary_key=True)
    talk = peewee.BlobField()
    uid = peewee.TextField()

    class Meta:
        """In order of arrival."""

        table_name = "recent"
        indexes = ((("talk", "uid"), False),)


class Line(peewee.Model):
    """A line of a conversation. `state` is one of `lines.LineState`, `uid` the sender's id for it.

    `at` is when it was written by the sender's clock, `kept_at` when it was stored by ours, and
    `expires_at` when a waiting line is given up (0: never), all in milliseconds since the epoch.
    """

    id = peewee.BigIntegerField(primary_key=True)
    registry = peewee.TextField()
    username = peewee.TextField()
    key = peewee.BlobField()
    outgoing = peewee.BooleanField()
    seq = peewee.BigIntegerField()
    uid = peewee.TextField()
    at = peewee.BigIntegerField()
    text = peewee.TextField()
    state = peewee.TextField()
    kept_at = peewee.BigIntegerField(default=0)
    expires_at = peewee.BigIntegerField(
        default=0, constraints=[peewee.SQL("DEFAULT 0")]
    )  # plain peewee.SQL inserts

    class Meta:
        """In order of arrival; each number occurs once in a conversation."""

        table_name = "line"
        indexes = (
            (("registry", "username", "key", "outgoing", "seq"), True),
            (("registry", "username", "id"), False),
            (("state", "registry", "username"), False),
            (("uid",), False),
        )


class Scheduled(peewee.Model):
    """A line to be sent later; see schedule.ScheduledLine."""

    id = peewee.BigIntegerField(primary_key=True)
    registry = peewee.TextField()
    username = peewee.TextField()
    uid = peewee.TextField(unique=True)
    text = peewee.TextField()
    written_at = peewee.BigIntegerField()
    not_before = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField(default=0)

    class Meta:
        """In the order of writing."""

        table_name = "scheduled"


LINE_COUNT = peewee.fn.COUNT(Line.id)


class LineWords(peewee.Model):
    """The index of the words of all lines (FTS5, see FINISH); the rowid is the line's id."""

    rowid = peewee.BigIntegerField(primary_key=True)
    line_words = peewee.TextField()  # FTS5's name for all columns of a row

    class Meta:
        """Created by FINISH."""

        table_name = "line_words"

    @classmethod
    def match(cls, query: str) -> peewee.Expression:
        """Return the condition that a line's words match a query of FTS5."""
        return peewee.Expression(cls.line_words, "MATCH", query)


class LineGrams(peewee.Model):
    """The index of the grams of all lines (see `grams`); the rowid is the line's id."""

    rowid = peewee.BigIntegerField(primary_key=True)
    line_grams = peewee.TextField()

    class Meta:
        """Created by FINISH."""

        table_name = "line_grams"

    @classmethod
    def match(cls, query: str) -> peewee.Expression:
        """Return the condition that a line's grams match a query of FTS5."""
        return peewee.Expression(cls.line_grams, "MATCH", query)


def text_has(term: str) -> peewee.Function:
    """Return the condition that a line's text contains the term, ignoring case."""
    return peewee.fn.has_term(Line.text, term)


class Unindexed(peewee.Model):
    """Lines with ids up to `up_to` were written by an older version and have no grams yet."""

    up_to = peewee.BigIntegerField(primary_key=True)

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
    Transfer,
    *MAILBOX_TABLES,
)

SCHEMA_VERSION = 9
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
    8: (
        AddColumn("account", "mailbox", "INTEGER NOT NULL DEFAULT 1"),
        AddColumn("account", "passes", "BLOB"),
        AddColumn("conversation", "heard_at", "INTEGER NOT NULL DEFAULT 0"),
    ),
    9: (AddColumn("contact", "files", "TEXT NOT NULL DEFAULT ''"),),
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
