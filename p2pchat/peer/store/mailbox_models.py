"""The profile's tables about mailboxes: our own one, and what we have left in those of contacts.

They are not bound to a database; see `storage`.
"""

from p2pchat.orm import peewee


class OwnPrekey(peewee.Model):
    """The private part of a prekey of ours: its `seed` (see mailbox.sealing).

    Times are in seconds since the epoch. A one-time prekey is deleted once it was used.
    """

    number = peewee.BlobField(primary_key=True)
    registry = peewee.TextField()
    username = peewee.TextField()
    kem = peewee.TextField()
    seed = peewee.BlobField()
    made_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()
    one_time = peewee.BooleanField()

    class Meta:
        """One row for each prekey."""

        table_name = "own_prekey"


class MailboxPass(peewee.Model):
    """The passes between us and one key of a contact; each is NULL if there is none.

    - `ours`: the pass to our mailbox that we give to the contact.
    - `theirs`: the pass to the contact's mailbox that was given to us.
    - `answer_due`: the contact must be told that what was left for us was received.
    """

    registry = peewee.TextField()
    username = peewee.TextField()
    key = peewee.BlobField()
    ours = peewee.BlobField(null=True)
    theirs = peewee.BlobField(null=True)
    answer_due = peewee.BooleanField(default=False, constraints=[peewee.SQL("DEFAULT 0")])

    class Meta:
        """One row for each key of each contact."""

        table_name = "mailbox_pass"
        primary_key = peewee.CompositeKey("registry", "username", "key")


class LeftRun(peewee.Model):
    """Lines of ours, from the number `first` to `last`, that are in a contact's mailbox.

    Times are in seconds since the epoch: it is kept until `until`, it was last known to be there at
    `seen_at`, and found to be gone at `gone_at` (0: not yet).
    """

    id = peewee.BlobField(primary_key=True)
    registry = peewee.TextField()
    username = peewee.TextField()
    key = peewee.BlobField()
    first = peewee.BigIntegerField()
    last = peewee.BigIntegerField()
    until = peewee.BigIntegerField()
    seen_at = peewee.BigIntegerField()
    gone_at = peewee.BigIntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])

    class Meta:
        """One row for each run; those of a conversation are looked up."""

        table_name = "left_run"
        indexes = ((("registry", "username", "key", "first"), False),)


class TakenRun(peewee.Model):
    """A run of our mailbox that was dealt with, by the SHA-256 of its sealed bytes.

    `at` is in seconds since the epoch.
    """

    digest = peewee.BlobField(primary_key=True)
    at = peewee.BigIntegerField()

    class Meta:
        """One row for each run."""

        table_name = "taken_run"


MAILBOX_TABLES = (OwnPrekey, MailboxPass, LeftRun, TakenRun)
