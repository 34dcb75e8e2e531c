"""What all conversations of a node share."""

import random
from collections.abc import Callable
from typing import NamedTuple

from p2pchat.net.loop import Loop
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.files.transfers import Transfers
from p2pchat.peer.mailbox.mailbox import Mailbox
from p2pchat.peer.presence.away_status import AwayStatus
from p2pchat.peer.reach.ways import Ways
from p2pchat.protocol.client.events import Event


class Surroundings(NamedTuple):
    """What each conversation needs of its node.

    `on_room` is called when more can be sent; `clock` returns milliseconds since the epoch.
    """

    loop: Loop
    username: str
    ways: Ways
    limits: PeerLimits
    rng: random.Random
    away_status: AwayStatus
    mailbox: Mailbox
    files: Transfers
    on_event: Callable[[Event], None]
    on_room: Callable[[], None]
    clock: Callable[[], int]
