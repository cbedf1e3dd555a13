"""Plain requests of kept connections on the real web server: each gets its own answer, whatever comes beside it."""

import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Self

import pytest
from sqlalchemy import text

from marketplace import database
from marketplace.access import Role
from marketplace.running.gunicorn_worker import READ_SECONDS_MAX
from tests import builders, web_server
from tests.builders import Sale
from tests.house import Caller
from tests.web_server import WebServer

THREADS = 4
CROWD = 24


@pytest.fixture
def server(database_urls, tmp_path) -> Iterator[WebServer]:
    with web_server.started(database_urls, tmp_path, WEB_THREADS=str(THREADS)) as web:
        yield web
        assert "Traceback" not in web.output.read_text()


class Wire:
    """A kept connection of somebody; answers are read one by one."""

    def __init__(
        self, server: WebServer, *, sends: bytes = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    ) -> None:
        """`sends`: its first request. A connection's first is served by a thread; the later ones may join a party."""
        self.socket = server.connect()
        self._read = b""
        self.send(sends)
        assert self.receive()[0] == 200

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> tuple[int, dict[str, str], bytes]:
        """Status, header fields in lower case, and body of the next answer."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(fields.get("content-length", "0"))
        while len(self._read) < length:
            self._more()
        body, self._read = self._read[:length], self._read[length:]
        return int(first.split()[1]), fields, body

    def _more(self) -> None:
        data = self.socket.recv(65_536)
        assert data, "the connection was closed"
        self._read += data

    def is_closed(self) -> bool:
        return self.socket.recv(1) == b""


def get(path: str, **fields: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode()


def post(path: str, caller: Caller, body: Any, **fields: str) -> bytes:
    data = json.dumps(body).encode() if body is not None else b""
    lines = {
        "Authorization": f"Bearer {caller.token}",
        "Idempotency-Key": str(uuid.uuid4()),
        **({"Content-Type": "application/json", "Content-Length": str(len(data))} if data else {}),
        **fields,
    }
    told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\nHost: a\r\n{told}\r\n".encode() + data


def hold(sale: Sale, caller: Caller, boxes: int = 1, **fields: str) -> bytes:
    return post(sale.holds_url, caller, {"item_id": str(sale.item_id), "boxes": boxes}, **fields)


def test_who_holds_at_once_gets_each_its_own_boxes_and_order(server, app, as_role):
    """Holds, orders, pages and refusals mixed, all sent before the first answer is read."""
    sale = builders.build(app).on_sale(CROWD - 4)
    shoppers = [as_role(Role.SHOPPER) for _ in range(CROWD)]
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server)) for _ in shoppers]
        lookers = [stack.enter_context(Wire(server)) for _ in range(4)]
        for wire, shopper in zip(wires, shoppers, strict=True):
            wire.send(hold(sale, shopper))
        for wire in lookers:
            wire.send(get(sale.url))
        answers = [wire.receive() for wire in wires]
        assert {wire.receive()[0] for wire in lookers} == {200}
        assert sorted(status for status, _, _ in answers) == [201] * (CROWD - 4) + [409] * 4
        ids = [json.loads(body)["hold_id"] for status, _, body in answers if status == 201]
        assert len(set(ids)) == CROWD - 4
        assert len({fields["x-request-id"] for _, fields, _ in answers}) == CROWD
        for wire, shopper, (status, _, body) in zip(wires, shoppers, answers, strict=True):
            hold_id = json.loads(body)["hold_id"] if status == 201 else str(uuid.uuid4())
            wire.send(post("/v1/orders", shopper, {"hold_id": hold_id}))
        ordered = [wire.receive() for wire in wires]
    assert [status for status, _, _ in ordered] == [{201: 201, 409: 404}[status] for status, _, _ in answers]
    for shopper, (status, _, body) in zip(shoppers, ordered, strict=True):
        if status == 201:
            assert shopper.get(f"/v1/orders/{json.loads(body)['id']}").status_code == 200
    assert builders.broken(app) == []


def test_an_answer_is_the_same_on_a_new_connection_and_on_a_kept_one(server, app):
    sale = builders.build(app).on_sale(5)
    for path in ("/v1/campaigns", "/v1/campaigns?limit=1", sale.url, f"/v1/campaigns/{uuid.uuid4()}"):
        with Wire(server) as kept, server.connect() as new:
            new.sendall(get(path, Connection="close", Accept_Language="zh"))
            kept.send(get(path, Accept_Language="zh"))
            status, fields, body = kept.receive()
            raw = b"".join(iter(lambda: new.recv(65_536), b""))
        head, _, other = raw.partition(b"\r\n\r\n")
        names = [line.split(b":")[0].decode().lower() for line in head.split(b"\r\n")[1:]]
        own = fields["x-request-id"].encode()
        assert int(head.split()[1]) == status
        assert [*fields] == names
        assert status == 404 or (other == body and own not in body)


def test_unchanged_pages_are_told_without_a_body(server, app):
    sale = builders.build(app).on_sale(5)
    with Wire(server) as wire:
        for _ in range(3):
            wire.send(get(sale.url))
            status, fields, body = wire.receive()
            assert (status, str(sale.campaign_id).encode() in body) == (200, True)
            wire.send(get(sale.url, If_None_Match=fields["etag"]))
            assert wire.receive()[0::2] == (304, b"")


def test_requests_behind_each_other_and_in_pieces_are_answered_in_their_order(server, app):
    sale = builders.build(app).on_sale(5)
    nothing = f"/v1/campaigns/{uuid.uuid4()}"
    with Wire(server) as wire:
        wire.send(get(sale.url) + get(nothing) + get(sale.url) + get("/healthz") + get(sale.url))
        assert [wire.receive()[0] for _ in range(5)] == [200, 404, 200, 200, 200]
        for part in (get(sale.url)[:20], get(sale.url)[20:-1], get(sale.url)[-1:]):
            wire.send(part)
            time.sleep(0.05)
        assert wire.receive()[0] == 200
        wire.send(get(sale.url))
        assert wire.receive()[0] == 200


def test_a_body_in_pieces_is_one_body(server, app, as_role):
    sale, shopper = builders.build(app).on_sale(5), as_role(Role.SHOPPER)
    data = hold(sale, shopper, 2)
    with Wire(server) as wire:
        wire.send(data[:-10])
        time.sleep(0.1)
        wire.send(data[-10:])
        assert wire.receive()[0] == 201
        wire.send(hold(sale, shopper, 3))
        status, _, body = wire.receive()
    assert (status, json.loads(body)["boxes"]) == (200, 3)


def test_what_only_looks_plain_is_served_by_its_view(server, app, as_role):
    """Known doors with bodies, keys and tokens that the fast path does not read."""
    market, shopper = builders.build(app), as_role(Role.SHOPPER)
    sale = market.on_sale(5)
    body = {"item_id": str(sale.item_id), "boxes": 1}
    jin = {"item_id": str(sale.item_id), "boxes": 1, "note": "?"}
    with Wire(server) as wire:
        for asked, status, code in (
            (post(sale.holds_url, shopper, jin), 422, "invalid"),
            (post(sale.holds_url, shopper, {**body, "boxes": 0}), 422, "invalid"),
            (hold(sale, shopper, **{"Idempotency-Key": "short"}), 400, "idempotency_key_malformed"),
            (hold(sale, shopper, **{"Content-Type": "text/plain"}), 415, "unsupported_media_type"),
            (hold(sale, shopper, Authorization="Basic YTpi"), 401, "unauthenticated"),
            (hold(sale, shopper, Authorization="Bearer nobody"), 401, "unauthenticated"),
            (hold(market.on_sale(1), shopper), 201, None),
            (get(f"{sale.url}?currency=CNY"), 200, None),
            (get(f"{sale.url}?x=1"), 422, "invalid"),
        ):
            wire.send(asked)
            told, _, answer = wire.receive()
            assert (told, json.loads(answer).get("code")) == (status, code), answer


def test_a_plain_head_that_is_wrong_is_refused_by_the_server(server, app):
    sale = builders.build(app).on_sale(5)
    for field in (b"X-A: b\x00", b"X A: b", b"no colon", b" folded: x", b"X-A: " + b"a" * 9_000):
        with Wire(server) as wire:
            wire.send(get(sale.url).replace(b"Host: a", b"Host: a\r\n" + field))
            status, fields, body = wire.receive()
            assert status in (400, 431)
            assert (fields["connection"], json.loads(body)["status"]) == ("close", status)
            assert wire.is_closed()
    with Wire(server) as wire:
        wire.send(get(sale.url))
        assert wire.receive()[0] == 200


def test_who_asks_to_close_is_closed_and_who_goes_away_disturbs_nobody(server, app, as_role):
    sale = builders.build(app).on_sale(50)
    with Wire(server) as wire:
        wire.send(get(sale.url, Connection="close"))
        assert wire.receive()[1]["connection"] == "close"
        assert wire.is_closed()
    shoppers = [as_role(Role.SHOPPER) for _ in range(6)]
    for shopper in shoppers[:5]:
        wire = Wire(server)
        wire.send(hold(sale, shopper))
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.socket.close()
    with Wire(server) as wire:
        wire.send(hold(sale, shoppers[5]))
        assert wire.receive()[0] == 201
    assert builders.broken(app) == []


def test_a_client_that_does_not_read_keeps_no_other_waiting(server, app):
    """It asks for far more than its connection takes, and reads it only when everybody else was served."""
    sale = builders.build(app).on_sale(5)
    asked, wires = 1_500, 2 * THREADS
    with Wire(server) as slow, ExitStack() as stack:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sending = threading.Thread(target=lambda: [slow.send(get(sale.url)) for _ in range(asked)])
        sending.start()
        others = [stack.enter_context(Wire(server)) for _ in range(wires)]
        for _ in range(20):
            for wire in others:
                wire.send(get(sale.url))
            assert {wire.receive()[0] for wire in others} == {200}
        answers = [slow.receive()[0] for _ in range(asked)]
        sending.join(20)
    assert answers == [200] * asked


def test_a_server_that_is_told_to_end_answers_what_is_under_way(database_urls, tmp_path, app, as_role):
    sale = builders.build(app).on_sale(50)
    shoppers = [as_role(Role.SHOPPER) for _ in range(8)]
    with (
        web_server.started(database_urls, tmp_path, WEB_THREADS=str(THREADS)) as web,
        ExitStack() as stack,
    ):
        wires = [stack.enter_context(Wire(web)) for _ in shoppers]
        for wire, shopper in zip(wires, shoppers, strict=True):
            wire.send(hold(sale, shopper))
        ending = threading.Thread(target=web.stop)
        ending.start()
        answers = [wire.receive()[0] for wire in wires]
        ending.join(40)
        assert not ending.is_alive()
    assert answers == [201] * 8
    assert builders.broken(app) == []


@pytest.fixture
def lone(database_urls, tmp_path) -> Iterator[WebServer]:
    """A server with a single thread, whose passers-by share an answer for long."""
    with web_server.started(database_urls, tmp_path, WEB_THREADS="1", READS_SHARED_MS="1000") as web:
        yield web


def keep_its_thread(server: WebServer) -> socket.socket:
    """A client that begins a request and does not end it."""
    busy = server.connect()
    busy.sendall(b"GET /healthz HTTP/1.1\r\nX-A: ")
    time.sleep(0.1)
    return busy


def test_an_answer_at_hand_needs_no_thread(lone, app):
    sale = builders.build(app).on_sale(5)
    with Wire(lone) as wire:
        wire.send(get(sale.url))
        assert wire.receive()[0] == 200
        with keep_its_thread(lone):
            began = time.monotonic()
            for _ in range(5):
                wire.send(get(sale.url))
                assert wire.receive()[0] == 200
            assert time.monotonic() - began < READ_SECONDS_MAX / 2
            wire.send(get("/healthz"))
            assert wire.receive()[0] == 200, "in its turn, after the client who is too slow was cut off"
            assert time.monotonic() - began > READ_SECONDS_MAX / 2


def test_who_comes_at_once_is_served_at_once(lone, app, as_role):
    """They wait for the only thread, which then serves them all in one transaction."""
    sale = builders.build(app).on_sale(50)
    shoppers = [as_role(Role.SHOPPER) for _ in range(8)]
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(lone)) for _ in shoppers]
        wires[0].send(hold(sale, shoppers[0]))
        assert wires[0].receive()[0] == 201
        wires[0].send(get(sale.url))
        assert wires[0].receive()[0] == 200
        with keep_its_thread(lone):
            for wire, shopper in zip(wires[1:], shoppers[1:], strict=True):
                wire.send(hold(sale, shopper))
            wires[0].send(get(sale.url))
            assert wires[0].receive()[0] == 200, "at hand by now: the loop has read what was sent before it"
        answers = [wire.receive()[0] for wire in wires[1:]]
    assert answers == [201] * 7
    with database.reading() as session:
        written_by = session.scalars(text("SELECT xmin::text FROM hold WHERE kind = 'cart'")).all()
    assert (len(written_by), len(set(written_by))) == (8, 2)
