"""Who is online, where, and until when. "Now" is handed in; no clock, no socket, no database.

Patience is one number for all, so the order in which people were last heard is the order of their
deadlines: one ordered queue, and each heartbeat moves its sender to the end.
"""

from collections import OrderedDict
from collections.abc import Callable


class Attendance:
    """One user's being online: where from, at which port (0: none accepted yet), last heard when.

    `hang_up(why)` closes the connection that the user came by.
    """

    __slots__ = ("hang_up", "heard_at", "host", "port", "username")

    def __init__(
        self, username: str, host: str, now: float, hang_up: Callable[[str], None]
    ) -> None:
        self.username = username
        self.host = host
        self.port = 0
        self.heard_at = now
        self.hang_up = hang_up


class PresenceBook:
    """Everybody who is online; `patience` is how long one may be silent, in seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._by_name: OrderedDict[str, Attendance] = OrderedDict()  # longest silent first
        self._by_address: dict[tuple[str, int], Attendance] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def arrive(self, attendance: Attendance) -> Attendance | None:
        """Put somebody online; give the attendance that this one replaces, if any."""
        replaced = self._by_name.get(attendance.username)
        if replaced is not None:
            self.leave(replaced)
        self._by_name[attendance.username] = attendance
        return replaced

    def announce(self, attendance: Attendance, port: int) -> bool:
        """Give the user an address; False where another user holds it (PROTOCOL, `PS_PORT`)."""
        address = (attendance.host, port)
        if self._by_address.get(address, attendance) is not attendance:
            return False
        self._by_address.pop((attendance.host, attendance.port), None)
        self._by_address[address] = attendance
        attendance.port = port
        return True

    def hear(self, username: str, host: str, now: float) -> None:
        """Note a heartbeat; it counts only from the host that the user logged in from."""
        attendance = self._by_name.get(username)
        if attendance is not None and attendance.host == host:
            attendance.heard_at = now
            self._by_name.move_to_end(username)

    def find(self, username: str) -> Attendance | None:
        """Give the attendance of a user who is online."""
        return self._by_name.get(username)

    def leave(self, attendance: Attendance) -> None:
        """Put the user offline; harmless if replaced or gone already."""
        if self._by_name.get(attendance.username) is attendance:
            del self._by_name[attendance.username]
            if attendance.port:
                del self._by_address[(attendance.host, attendance.port)]

    def next_deadline(self) -> float | None:
        """Give the instant at which the longest silent user's patience ends."""
        for attendance in self._by_name.values():
            return attendance.heard_at + self._patience
        return None

    def expire(self, now: float) -> list[Attendance]:
        """Put offline, and give, everybody who has been silent for too long."""
        expired: list[Attendance] = []
        for attendance in self._by_name.values():
            if attendance.heard_at + self._patience > now:
                break
            expired.append(attendance)
        for attendance in expired:
            self.leave(attendance)
        return expired
