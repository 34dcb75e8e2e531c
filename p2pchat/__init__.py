"""p2pchat: chat from the terminal, peer to peer, with a registry that you host yourself.

As a library, provisional until version 1.0:

    import p2pchat

    with p2pchat.connect() as me:
        me.send("bob", "dinner is ready").wait(30)

`connect` yields a `ChatClient`; `events` has the classes of its events, `errors` the exceptions.
ARCHITECTURE.md in this folder describes the design.
"""

from typing import TYPE_CHECKING, Any

from p2pchat.version import __version__

__all__ = ["ChatClient", "Sent", "__version__", "connect", "errors", "events"]

if TYPE_CHECKING:
    from p2pchat import errors
    from p2pchat.library import ChatClient, Sent, connect
    from p2pchat.protocol.client import events


def __getattr__(name: str) -> Any:
    """Return a part of the library, which is loaded on first use."""
    from importlib import import_module

    if name == "events":
        return import_module("p2pchat.protocol.client.events")
    if name == "errors":
        return import_module("p2pchat.errors")
    if name in __all__:
        return getattr(import_module("p2pchat.library"), name)
    raise AttributeError(f"module 'p2pchat' has no attribute {name!r}")
