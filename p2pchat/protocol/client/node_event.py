"""The base class of all events of a node."""

from typing import ClassVar

from p2pchat.protocol.messages import Message


class NodeEvent(Message, frozen=True, eq=False):
    """Any event. Fields named in `uncompared` are ignored by `==`."""

    uncompared: ClassVar[frozenset[str]] = frozenset()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[object, ...]:
        names = self.__struct_fields__
        return tuple(getattr(self, name) for name in names if name not in self.uncompared)
