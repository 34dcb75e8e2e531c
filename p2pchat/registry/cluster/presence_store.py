"""Which user is online at which node, in the database that the nodes share.

Every method blocks and may raise StorageError. Knows neither the loop nor the wire. A node's
entries are valid while its lease is, by the database's clock alone.
"""

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import NamedTuple

import msgspec

from p2pchat.net.tls.certificates import fingerprint_of_key
from p2pchat.protocol.meeting import Meeting
from p2pchat.protocol.messages import Presence, SearchResult
from p2pchat.protocol.operator import Session
from p2pchat.protocol.proofs import SignedNodes
from p2pchat.registry.cluster.notifications import (
    CHANNEL,
    BoxFilled,
    LoggedOut,
    Met,
    Moved,
    Notification,
    encode,
)
from p2pchat.registry.service.presence import OFFLINE, Whereabouts, whereabouts
from p2pchat.registry.store.mailboxes import Owner
from p2pchat.storage import Store, as_bytes


class Lease(NamedTuple):
    """The state of our node's lease; `is_new` if our published entries may be gone.

    `other_nodes` are the links of the other live nodes. `next_end` is the number of seconds until
    the first of their leases ends, or None if there is none.
    """

    is_new: bool
    other_nodes: tuple[str, ...]
    next_end: float | None


class PresenceRow(NamedTuple):
    """A user who is online at our node. `is_new`: this login replaces any other."""

    username: str
    host: str
    port: int
    clear_port: int
    in_clear: bool
    key: bytes | None
    meets: bool
    hidden: bool
    is_new: bool

    @property
    def found(self) -> SearchResult:
        """The search result for this user at a secure listener."""
        return whereabouts(
            self.host,
            self.port,
            self.clear_port,
            self.key,
            in_clear=self.in_clear,
            meets=self.meets,
            hidden=self.hidden,
        ).found


class Published(Enum):
    """The outcome of publishing a row."""

    KEPT = auto()
    ELSEWHERE = auto()  # the user is at another node
    PORT_TAKEN = auto()  # a user of another node has it


class PresenceStore:
    """The presence table as node number `node` uses it; `lease` is in seconds."""

    def __init__(self, store: Store, node: int, lease: float) -> None:
        self._store = store
        self._node = node
        self._lease = lease

    def renew(self, url: str) -> Lease:
        """Renew our lease, and put the users of nodes with an expired lease offline.

        For `url` see models.Node.
        """
        with self._store.transaction():
            kept = self._store.rows(
                "UPDATE node SET url = %s,"
                " lease_until = clock_timestamp() + make_interval(secs => %s)"
                " WHERE id = %s RETURNING id",
                (url, self._lease, self._node),
            )
            if not kept:
                self._store.rows(
                    "INSERT INTO node (id, url, meets, lease_until)"
                    " VALUES (%s, %s, TRUE, clock_timestamp() + make_interval(secs => %s))",
                    (self._node, url, self._lease),
                )
            dead = self._store.rows(
                "DELETE FROM node WHERE id IN (SELECT id FROM node"
                " WHERE lease_until <= clock_timestamp() ORDER BY id FOR UPDATE SKIP LOCKED)"
                " RETURNING id"
            )
            self._put_offline([node for (node,) in dead])
            others = self._store.rows(
                "SELECT url, EXTRACT(EPOCH FROM lease_until - clock_timestamp())::float8"
                " FROM node WHERE id <> %s ORDER BY id",
                (self._node,),
            )
        ends = [end for _, end in others]
        return Lease(not kept, tuple(url for url, _ in others if url), min(ends, default=None))

    def exchange_lists(self, own: SignedNodes | None) -> list[SignedNodes]:
        """Publish the list that our node has signed, and return the valid lists of all nodes.

        Writes only if our list has changed.
        """
        with self._store.transaction():
            if own is not None:
                signed = msgspec.json.encode(own).decode()
                self._store.rows(
                    "INSERT INTO node_list (signer, signed, expires_at) VALUES (%s, %s, %s)"
                    " ON CONFLICT (signer) DO UPDATE SET signed = excluded.signed,"
                    " expires_at = excluded.expires_at WHERE node_list.signed <> excluded.signed",
                    (fingerprint_of_key(own.key), signed, own.expires_at),
                )
            self._store.rows(
                "DELETE FROM node_list WHERE expires_at <= EXTRACT(EPOCH FROM clock_timestamp())"
            )
            rows = self._store.rows("SELECT signed FROM node_list ORDER BY signer")
        return list(filter(None, (_signed_nodes(signed) for (signed,) in rows)))

    def publish(
        self, rows: Iterable[PresenceRow], gone: Sequence[str]
    ) -> dict[str, Published] | None:
        """Write which users are online here and which have left; return the outcome for each row.

        Return None if our lease has ended: renew it first.
        """
        outcomes: dict[str, Published] = {}
        news: list[Notification] = []
        with self._store.transaction():
            if not self._store.rows("SELECT 1 FROM node WHERE id = %s FOR SHARE", (self._node,)):
                return None
            # The same order at every node avoids deadlocks.
            for row in sorted(rows, key=lambda row: row.username):
                outcomes[row.username] = self._publish(row)
                if outcomes[row.username] is Published.KEPT:
                    news.append(Moved(row.username, self._node, row.found))
            for username, key in self._store.rows(
                "DELETE FROM presence WHERE node = %s AND username = ANY(%s)"
                " RETURNING username, key",
                (self._node, sorted(gone)),
            ):
                news.append(_left(username, self._node, key))
            self._tell(news)
        return outcomes

    def withdraw(self) -> None:
        """Put our node's users offline, and end its lease."""
        with self._store.transaction():
            self._store.rows("DELETE FROM node WHERE id = %s", (self._node,))
            self._put_offline([self._node])

    def find(self, usernames: Sequence[str]) -> dict[str, Whereabouts]:
        """Return the presence of these users; users without an account are left out."""
        with self._store.errors():
            rows = self._store.rows(
                "SELECT a.username, a.key, o.host, o.port, o.clear_port, o.in_clear, o.key,"
                " o.meets, o.hidden FROM account a LEFT JOIN (SELECT p.username, p.host, p.port,"
                " p.clear_port, p.in_clear, p.key, p.meets AND n.meets AS meets, p.hidden"
                " FROM presence p JOIN node n"
                " ON n.id = p.node AND n.lease_until > clock_timestamp()) o"
                " ON o.username = a.username WHERE a.username = ANY(%s)",
                ([name for name in usernames if "\0" not in name],),  # NUL would be an error
            )
        return {username: _whereabouts(*rest) for username, *rest in rows}

    def sessions(self) -> list[Session]:
        """Return the users who are online at any node, sorted by name."""
        with self._store.errors():
            rows = self._store.rows(
                "SELECT p.username, p.host, p.port, p.in_clear FROM presence p JOIN node n"
                " ON n.id = p.node AND n.lease_until > clock_timestamp() ORDER BY p.username"
            )
        return [Session(name, host, port, not clear, 0.0) for name, host, port, clear in rows]

    def shut_out(self, usernames: Sequence[str], with_token: Sequence[str]) -> list[str]:
        """Return which of these users may not stay logged in: disabled, deleted, or logged out.

        Users in `with_token` logged in with a token; those without any token left were logged out.
        """
        with self._store.errors():
            rows = self._store.rows(
                "SELECT a.username FROM account a WHERE a.username = ANY(%s) AND NOT a.disabled"
                " AND (a.username <> ALL(%s)"
                " OR EXISTS (SELECT 1 FROM token t WHERE t.username = a.username))",
                (list(usernames), list(with_token)),
            )
        return sorted(set(usernames) - {username for (username,) in rows})

    def log_out(self, username: str) -> None:
        """Ask every other node to end the user's logins."""
        with self._store.transaction():
            self._tell([LoggedOut(username, self._node)])

    def tell_box_news(self, owner: Owner, waiting: int) -> None:
        """Notify every other node of runs in a box."""
        with self._store.transaction():
            self._tell([BoxFilled(owner.username, self._node, owner.key, waiting)])

    def tell_meeting(self, username: str, meeting: Meeting) -> bool:
        """Notify the node of a user of a meeting; return False if no other node can tell them."""
        with self._store.transaction():
            found = self._store.rows(
                "SELECT 1 FROM presence p JOIN node n ON n.id = p.node"
                " WHERE p.username = %s AND p.meets AND n.meets AND p.node <> %s"
                " AND n.lease_until > clock_timestamp()",
                (username, self._node),
            )
            if found:
                self._tell([Met(username, self._node, meeting)])
        return bool(found)

    def _publish(self, row: PresenceRow) -> Published:
        ports = [p for p in (row.port, row.clear_port) if p]
        taken = ports and self._store.rows(
            "SELECT 1 FROM presence p JOIN node n ON n.id = p.node"
            " WHERE n.lease_until > clock_timestamp() AND p.host = %s AND p.username <> %s"
            " AND p.node <> %s AND (p.port = ANY(%s) OR p.clear_port = ANY(%s)) LIMIT 1",
            (row.host, row.username, self._node, ports, ports),
        )
        if taken:
            return Published.PORT_TAKEN
        kept = self._store.rows(
            "INSERT INTO presence"
            " (username, node, host, port, clear_port, in_clear, key, meets, hidden)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (username) DO UPDATE SET"
            " node = excluded.node, host = excluded.host, port = excluded.port,"
            " clear_port = excluded.clear_port, in_clear = excluded.in_clear, key = excluded.key,"
            " meets = excluded.meets, hidden = excluded.hidden"
            " WHERE %s OR presence.node = excluded.node OR NOT EXISTS"
            " (SELECT 1 FROM node n"
            " WHERE n.id = presence.node AND n.lease_until > clock_timestamp())"
            " RETURNING 1",
            (
                row.username,
                self._node,
                row.host,
                row.port,
                row.clear_port,
                row.in_clear,
                row.key,
                row.meets,
                row.hidden,
                row.is_new,
            ),
        )
        return Published.KEPT if kept else Published.ELSEWHERE

    def _put_offline(self, nodes: list[int]) -> None:
        """Delete the entries of these nodes' users, and notify the other nodes."""
        if nodes:
            gone = self._store.rows(
                "DELETE FROM presence WHERE username IN (SELECT username FROM presence"
                ' WHERE node = ANY(%s) ORDER BY username COLLATE "C" FOR UPDATE)'
                " RETURNING username, node, key",
                (nodes,),
            )
            self._tell([_left(username, node, key) for username, node, key in gone])

    def _tell(self, news: Iterable[Notification]) -> None:
        for text in encode(news):
            self._store.rows("SELECT pg_notify(%s, %s)", (CHANNEL, text))


def _signed_nodes(row: str) -> SignedNodes | None:
    """Return the list in a row; None if a node of another version wrote it."""
    try:
        return msgspec.json.decode(row, type=SignedNodes)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _left(username: str, node: int, key: bytes | memoryview | None) -> Moved:
    return Moved(username, node, SearchResult(Presence.OFFLINE, key=as_bytes(key)))


def _whereabouts(  # a row of `find`
    account_key: bytes | None,
    host: str | None,
    port: int,
    clear_port: int,
    in_clear: bool,
    key: bytes | None,
    meets: bool,
    hidden: bool,
) -> Whereabouts:
    if host is None:
        return Whereabouts(SearchResult(Presence.OFFLINE, key=as_bytes(account_key)), OFFLINE)
    return whereabouts(
        host, port, clear_port, as_bytes(key), in_clear=in_clear, meets=meets, hidden=hidden
    )
