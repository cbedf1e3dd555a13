"""A wire to PostgreSQL that can be cut at the worst moments."""

import contextlib
import socket
import threading
from typing import Any, Final, Literal
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from tests import servers

Fault = Literal["reply_lost", "never_arrived"]
READY: Final = b"Z\x00\x00\x00\x05"
"""How the server says that a statement is done."""


class Proxy:
    """Forwards loopback connections to the server of `url`; `fault` strikes at the next COMMIT, once.

    While `is_silent` it takes connections and whatever is said, and nobody answers.
    """

    def __init__(self, url: str) -> None:
        self._target = conninfo_to_dict(servers.plain(url))
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.fault: Fault | None = None
        self.struck = 0
        self.is_silent = False
        self.port = 0
        self.open()

    @property
    def url(self) -> str:
        known = {name: quote(str(value), safe="") for name, value in self._target.items()}
        return (
            f"postgresql+psycopg://{known['user']}:{known.get('password', '')}@127.0.0.1:{self.port}"
            f"/{known['dbname']}?sslmode=disable&gssencmode=disable"
        )

    def open(self) -> None:
        """Listen, on the same port as before."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse new connections and cut those that are there: the database looks stopped."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _cut(listener)
        with self._lock:
            cut, self._open = self._open, []
        for each in cut:
            _cut(each)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = self._connect()
            with self._lock:
                self._open += [client, server]
            pair = _Pair(self, client, server)
            threading.Thread(target=pair.up, daemon=True).start()
            threading.Thread(target=pair.down, daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = str(self._target["host"]), int(self._target.get("port") or 5432)
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        found = socket.socket(socket.AF_UNIX)
        found.connect(f"{host}/.s.PGSQL.{port}")
        return found

    def take_fault(self) -> Fault | None:
        with self._lock:
            fault, self.fault = self.fault, None
            self.struck += fault is not None
            return fault


class _Pair:
    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy, self.client, self.server = proxy, client, server
        self.is_mute = False
        self._commits: set[bytes] = set()
        """Names of prepared statements that commit."""

    def up(self) -> None:
        """From the app to the server, message by message."""
        with contextlib.suppress(OSError):
            reader = self.client.makefile("rb")
            message = reader.read(4)
            message += reader.read(int.from_bytes(message, "big") - 4)
            while message:
                if self._commits_now(message):
                    fault = self.proxy.take_fault()
                    if fault == "never_arrived":
                        break
                    self.is_mute = fault == "reply_lost"
                if not self.proxy.is_silent:
                    self.server.sendall(message)
                message = reader.read(5)
                message += reader.read(int.from_bytes(message[1:5], "big") - 4) if message else b""
        if not self.is_mute:
            self._cut()

    def _commits_now(self, message: bytes) -> bool:
        kind, said = message[:1], message[5:]
        if kind == b"P":
            name, query = said.split(b"\x00")[:2]
            if query.upper() == b"COMMIT":
                self._commits.add(name)
            return False
        if kind == b"B":
            return said.split(b"\x00")[1] in self._commits
        return kind == b"Q" and said.rstrip(b"\x00").upper() == b"COMMIT"

    def down(self) -> None:
        """From the server to the app; what a mute server says is swallowed, and then the wire is cut."""
        with contextlib.suppress(OSError):
            while data := self.server.recv(65_536):
                if self.proxy.is_silent:
                    continue
                if not self.is_mute:
                    self.client.sendall(data)
                elif READY in data:
                    break
        self._cut()

    def _cut(self) -> None:
        _cut(self.server)
        _cut(self.client)


def _cut(wire: Any) -> None:
    with contextlib.suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
    wire.close()
