"""The profile's table of transfers. It is not bound to a database; see `storage`."""

from p2pchat.orm import peewee


class Transfer(peewee.Model):
    """A file or folder that a contact or we have offered in the line `uid`.

    - `offer`: the encoded offer, with all bytes of a small file.
    - `listing`: of a folder: its files; of one that we offer, with what identifies their versions.
    - `path`: of ours, what is sent; of a contact's, the folder chosen for it, later its own path.
    - `state`: see protocol.client.transfers.TransferState; `reason`: why it ended so.
    - `pieces`: how many have been received.
    - `root`: over what was received, as its sender is told.
    - `told`: the other side knows how it ended.
    - `at`: when it was offered or accepted by our clock, in milliseconds since the epoch.
    """

    id = peewee.AutoField()
    registry = peewee.TextField()
    username = peewee.TextField()
    key = peewee.BlobField()
    outgoing = peewee.BooleanField()
    uid = peewee.TextField()
    offer = peewee.BlobField()
    listing = peewee.BlobField(null=True)
    path = peewee.TextField(default="", constraints=[peewee.SQL("DEFAULT ''")])
    state = peewee.TextField()
    reason = peewee.TextField(default="", constraints=[peewee.SQL("DEFAULT ''")])
    pieces = peewee.BigIntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])
    root = peewee.BlobField(null=True)
    told = peewee.BooleanField(default=False, constraints=[peewee.SQL("DEFAULT 0")])
    at = peewee.BigIntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])

    class Meta:
        """One row for each offer."""

        table_name = "transfer"
        indexes = ((("registry", "username", "key", "outgoing", "uid"), True),)
