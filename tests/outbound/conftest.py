"""A certificate authority of the tests, and servers on loopback that answer as a test tells them."""

import contextlib
import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from marketplace.outbound.client import Client

NAME = "hooks.example.com"


class Authority:
    """Signs certificates for names; clients of a test trust it alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "The tests' own authority")])
        self._certificate = self._sign(
            self._subject, self._key, x509.BasicConstraints(ca=True, path_length=None)
        )

    def trusting(self) -> ssl.SSLContext:
        pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        context = ssl.create_default_context(cadata=pem)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def serving(self, name: str, *, days: int = 2) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        alternative = x509.SubjectAlternativeName([x509.DNSName(name)])
        certificate = self._sign(subject, key, alternative, days=days)
        path = self.folder / f"{name}-{days}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        extension: x509.ExtensionType,
        *,
        days: int = 2,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=10))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .sign(self._key, hashes.SHA256())
        )


Say = Callable[[ssl.SSLSocket], None]
"""What a server does with a connection after it has read the request."""


class Server:
    """Listens on loopback, counts who comes, keeps what was asked."""

    def __init__(self, tls: ssl.SSLContext | None, say: Say) -> None:
        self._tls, self._say = tls, say
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._one, args=(plain,), daemon=True).start()

    def _one(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), plain:
            if self._tls is None:
                self._say(plain)  # type: ignore[arg-type]
                return
            with self._tls.wrap_socket(plain, server_side=True) as wire:
                self.requests.append(read_request(wire))
                self._say(wire)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def read_request(wire: socket.socket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        got += wire.recv(65_536)
    head, _, body = got.partition(b"\r\n\r\n")
    [length] = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    while len(body) < length:
        body += wire.recv(65_536)
    return head + b"\r\n\r\n" + body


def saying(text: str, *, then: bytes = b"") -> Say:
    return lambda wire: wire.sendall(text.encode() + then)


def dripping(text: str, *, seconds: float = 1.0) -> Say:
    def say(wire: ssl.SSLSocket) -> None:
        for letter in text.encode():
            wire.sendall(bytes([letter]))
            time.sleep(seconds)

    return say


def pouring(head: str, total: int) -> Say:
    def say(wire: ssl.SSLSocket) -> None:
        wire.sendall(head.encode())
        chunk = b"x" * 65_536
        for _ in range(total // len(chunk)):
            wire.sendall(chunk)

    return say


OK = "HTTP/1.1 204 No Content\r\n\r\n"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def serve(authority: Authority) -> Iterator[Callable[..., Server]]:
    """`serve(say)`: a server with a good certificate of NAME; `name`, `days` and `plain` make it a worse one."""
    started: list[Server] = []

    def start(say: Say, *, name: str = NAME, days: int = 2, plain: bool = False) -> Server:
        started.append(Server(None if plain else authority.serving(name, days=days), say))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def client_of(authority: Authority) -> Callable[..., Client]:
    """A client that may call one server on loopback: what settings cannot say."""

    def make(*servers: Server, **changes: object) -> Client:
        chosen = {
            "ports": frozenset(server.port for server in servers),
            "resolve": lambda host, port: ["127.0.0.1"],
            "permits": lambda address: address.is_loopback,
            "tls": authority.trusting,
            **changes,
        }
        return Client(**chosen)  # type: ignore[arg-type]

    return make
