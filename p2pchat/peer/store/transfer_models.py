"""The profile's table of transfers. It is not bound to a database; see `storage`."""

from p2pchat.orm import peewee


class Transfer(peewee.Model):
    """A file or folder that a contact or we have offered in the line `uid`.

    - `offer`: the encoded offer, with all bytes of a small file.
    - `listing`: the list of a folder's files; for our offers, all files with their stamps.
    - `path`: the file to send; or the chosen target folder, later the path of the received file.
    - `state`: see protocol.client.transfers.TransferState; `reason`: why it ended so.
    - `pieces`: how many have been received.
    - `root`: the root of the received file, reported to the sender.
    - `told`: whether the contact has acknowledged the outcome.
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
