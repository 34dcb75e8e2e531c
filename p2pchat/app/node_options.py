"""The options of an account's node, from the command line or the configuration file.

Every node of a profile follows the file, also one that runs only for `p2p send` or a program.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2pchat.errors import UsageError
from p2pchat.paths import path_of
from p2pchat.peer.calls.limits import PeerLimits
from p2pchat.peer.files.policy import LEAST_RATE, MOST_AT_ONCE, FilesPolicy, check_accept
from p2pchat.peer.registry_client.reach import Reach
from p2pchat.protocol.sizes import size_of

if TYPE_CHECKING:
    from p2pchat.app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOptions:
    """The options of a node.

    `peer_host` None: the default for the registry. `peer_port` 0: any free one. `allow_original`:
    also accept calls in clear. `keep_days`: delete finished lines that are older; None keeps all.
    `reach`: the paths it may use. `files`: the policy for receiving and sending files. Raise
    UsageError if these contradict each other.
    """

    peer_host: str | None = None
    peer_port: int = 0
    allow_original: bool = False
    keep_days: float | None = None
    keep_history: bool = True
    reach: Reach = field(default_factory=Reach)
    limits: PeerLimits = field(default_factory=PeerLimits)
    files: FilesPolicy = field(default_factory=FilesPolicy)

    def __post_init__(self) -> None:
        if self.allow_original and self.reach.is_hidden:
            raise UsageError(
                "allow-original and hide-address exclude each other: users of the original system"
                " must be told your address",
                advice="drop one of them; p2p config list shows which the file sets",
            )

    def briefly(self) -> "NodeOptions":
        """Return the options of a node that runs for one command: too short for a router."""
        return replace(self, reach=replace(self.reach, port_mapping=False))


def files_policy(settings: "Settings") -> FilesPolicy:
    """Return how files are received and sent. Raise UsageError if a value is not valid."""
    values: dict[str, Any] = {name: value for name, (value, _) in settings.resolved.items()}
    at_once = values["files.at-once"]
    if not 1 <= at_once <= MOST_AT_ONCE:
        raise UsageError(f"files.at-once: {at_once} is not between 1 and {MOST_AT_ONCE}")
    rate = size_of(values["files.rate"])
    if 0 < rate < LEAST_RATE:
        raise UsageError(f"files.rate: {rate} bytes a second are too few", advice="at least 10kB")
    return FilesPolicy(
        accept=check_accept(values["files.accept"]),
        folder=_folder(values["files.folder"]),
        keep_free=size_of(values["files.keep-free"]),
        rate=rate,
        at_once=at_once,
    )


def _folder(text: str) -> Path:
    """Return the folder for received files. Raise UsageError unless it is a full path."""
    try:
        folder = path_of(text).expanduser()
    except RuntimeError:
        raise UsageError(f"files.folder: {text} names the home of an unknown user") from None
    if not folder.is_absolute():
        raise UsageError(
            f"files.folder: {text} is not a full path",
            likely="it would depend on the folder in which your node is started",
            advice=f"~/{text}",
        )
    return folder


def configured(settings: "Settings") -> NodeOptions:
    """Return the options of a node that is given none on the command line."""
    values: dict[str, Any] = {name: value for name, (value, _) in settings.resolved.items()}
    return NodeOptions(
        peer_host=values["peer-host"],
        peer_port=values["peer-port"],
        allow_original=values["allow-original"],
        keep_days=values["keep-days"],
        keep_history=not values["no-history"],
        reach=Reach(
            relay=not values["no-relay"],
            direct=not values["hide-address"],
            port_mapping=not values["no-portmap"],
            lan=not values["no-lan"],
        ),
        files=files_policy(settings),
    )
