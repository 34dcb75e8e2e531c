"""The original system's peers and registry, imitated with plain sockets and threads.

They follow PROTOCOL, including the mistakes: one `recv` for a header and one for a payload, a wrong
login refused with `REG_RESP`, a port expected after a login whatever comes, connections left open.
Written from PROTOCOL; shares no code with the package.
"""

import socket
import threading

from tests.programs import Raw, frame


class OriginalPeer:
    """A peer of the original system: its peer server and its outgoing calls."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(20)
        self.port = self.listener.getsockname()[1]
        self._open: list[Raw] = []

    def accept(self) -> Raw:
        """Accept the next connection to our peer server."""
        self._open.append(Raw.of(self.listener.accept()[0]))
        return self._open[-1]

    def dial(self, port: int) -> Raw:
        """Dial a contact's peer server."""
        self._open.append(Raw(("127.0.0.1", port)))
        return self._open[-1]

    def leave(self, connection: Raw) -> None:
        """End a chat as the original does: close our outgoing connection, not the incoming one.

        The peer server keeps running and accepts the next call on a new connection.
        """
        self._open.remove(connection)
        connection.close()

    @staticmethod
    def receive(connection: Raw) -> tuple[str, str]:
        """Read as the original does: one `recv` for the header, one for the payload."""
        header = connection.socket.recv(25).decode()
        size = int(header[:10])
        return header[10:].strip(), connection.socket.recv(size).decode() if size else ""

    def close(self) -> None:
        """Close all connections."""
        for raw in self._open:
            raw.close()
        self.listener.close()


class OriginalRegistry:
    """The original registry with its mistakes; serves one client at a time."""

    def __init__(self, accounts: dict[str, str], online: dict[str, str]) -> None:
        self.accounts = accounts
        self.online = online
        self.said: list[str] = []
        self.hellos: list[str] = []
        self.heard_hello = threading.Event()
        self.ports: list[str] = []
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self._threads = [
            threading.Thread(target=self._serve),
            threading.Thread(target=self._listen),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def url(self) -> str:
        """The URL, with a short heartbeat interval."""
        tcp, udp = self._listener.getsockname()[1], self._udp.getsockname()[1]
        return f"original://127.0.0.1:{tcp}?udp={udp}&hello=0.2"

    def close(self) -> None:
        """Stop serving, after handling the messages of clients that have left. Idempotent."""
        if self._closed:
            return
        self._closed = True
        with socket.create_connection(self._listener.getsockname()):
            pass
        self._udp.sendto(b"END", self._udp.getsockname())
        for thread in self._threads:
            thread.join()
        self._listener.close()
        self._udp.close()

    def _listen(self) -> None:
        while (datagram := self._udp.recv(1024)) != b"END":
            self.hellos.append(datagram.decode())
            self.heard_hello.set()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if not self._serve_one(connection):
                    return

    def _serve_one(self, connection: socket.socket) -> bool:
        first = True
        while header := connection.recv(25).decode():
            first = False
            command, size = header[10:].strip(), int(header[:10])
            payload = connection.recv(size).decode() if size else ""
            self.said.append(command)
            if command in {"LOG", "REG"}:
                self._log_in(connection, command, payload)
            elif command == "SEARCH":
                answer = self.online.get(payload)
                known = "OFFLINE" if payload in self.accounts else "NOT_FOUND"
                connection.send(frame("SEARCH_RESP", answer or known))
            elif command == "LOGOUT":
                break
        return not first

    def _log_in(self, connection: socket.socket, command: str, payload: str) -> None:
        username, password = payload.split(" ")
        if command == "REG" and username not in self.accounts:
            self.accounts[username] = password
        elif command == "REG" or self.accounts.get(username) != password:
            connection.send(frame("REG_RESP", "FAIL"))
            return
        connection.send(frame(f"{command}_RESP", "OK"))
        header = connection.recv(25).decode()
        port = connection.recv(int(header[:10])).decode()
        self.said.append(header[10:].strip())
        if self.said[-1] == "PS_PORT":
            self.ports.append(port)
            connection.send(frame("PS_PORT_RESP", "OK"))
