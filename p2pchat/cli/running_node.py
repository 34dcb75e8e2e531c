"""A command's way to the account's node that runs already, in another process."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from p2pchat.cli.our_files import OurFiles
from p2pchat.cli.settings import Settings, private_folder
from p2pchat.errors import Unreachable
from p2pchat.net.loop import Loop
from p2pchat.peer.control_client import ControlClient, socket_of


def control_path(settings: Settings, us: OurFiles, username: str) -> Path:
    """Give where the account's node listens."""
    private_folder(settings.run_folder)
    return socket_of(settings.run_folder, str(us.url), username)


@contextmanager
def running_node(
    loop: Loop, settings: Settings, us: OurFiles, username: str
) -> Iterator[ControlClient | None]:
    """Give the way to the account's node; None where none is running."""
    client = None
    with suppress(Unreachable):
        client = ControlClient(loop, control_path(settings, us, username))
    if client is None:
        yield None
        return
    with closing(client):
        yield client
