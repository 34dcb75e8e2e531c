"""By which paths a user reaches others and may be reached: the user's own choice."""

from dataclasses import dataclass

from p2pchat.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The paths that a node uses.

    `relay`: circuits through the registry. `direct`: connections between the two machines; without
    them, no contact is told our address, and we dial none. `port_mapping`: a port of the router,
    for connections from outside. `lan`: the local network, where contacts find each other without
    the registry. Raise UsageError if no path is left.
    """

    relay: bool = True
    direct: bool = True
    port_mapping: bool = True
    lan: bool = True

    def __post_init__(self) -> None:
        if not (self.relay or self.direct):
            raise UsageError(
                "with no-relay and hide-address together, no path to a contact is left",
                advice="drop one of them; p2p config list shows which the file sets",
            )

    @property
    def is_hidden(self) -> bool:
        """Whether our address is kept from everybody but the registry."""
        return not self.direct

    @property
    def uses_lan(self) -> bool:
        """Whether to tell contacts, and only them, where we are in the local network."""
        return self.direct and self.lan

    @property
    def maps_ports(self) -> bool:
        """Whether to ask the router for a port."""
        return self.direct and self.port_mapping
