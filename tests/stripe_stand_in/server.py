"""The stand-in as a server: addresses, keys, pages, faults, and events on their way."""

import hashlib
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Self

import stripe
from flask import Flask, Response, request
from werkzeug.serving import make_server

from tests.stripe_stand_in import forms, shapes
from tests.stripe_stand_in.books import CARDS, Books, Refused, Row, _copy
from tests.stripe_stand_in.connect import Connect

WEBHOOK_SECRET: Final = "whsec_" + "s" * 32
SECRET_KEY: Final = "sk_test_" + "k" * 24
EXPANDABLE: Final = {
    "latest_charge",
    "balance_transaction",
    "charge",
    "payment_intent",
    "customer",
    "payment_method",
    "destination",
    "failure_balance_transaction",
}

Deliver = Callable[[bytes, dict[str, str]], int]
"""Posts a body with header fields; answers the status."""


@dataclass
class Fault:
    """What goes wrong with the next calls whose `METHOD path` begins so."""

    how: str
    """`drop`: nothing happens and nobody answers; `lost`: it happens and nobody answers; `slow`: the answer comes late;
    `error`: a 500, stored under the key; `busy`: 429; `conflict`: 409, a copy is being worked on."""
    begins: str = ""
    times: int = 1
    seconds: float = 0.0


@dataclass
class Call:
    method: str
    path: str
    params: dict[str, Any]
    key: str | None
    status: int = 0
    replayed: bool = False


@dataclass
class StoredAnswer:
    fingerprint: str
    status: int = 0
    body: str = ""
    done: bool = False


@dataclass
class Delivery:
    """One event on its way to one endpoint."""

    event: Row
    tries: int = 0
    statuses: list[int] = field(default_factory=list)


class StandIn:
    """Start it, give its `url` to the client as API base, act and look."""

    def __init__(self, *, first: int = 1) -> None:
        self.books = Books(first=first)
        self.connect = Connect(self.books)
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.queue: list[Delivery] = []
        self._answers: dict[str, StoredAnswer] = {}
        self._keys_lock = threading.Lock()
        self._makers: dict[str, Callable[[Row], Row]] = {
            "payment_intents": self.books.create_intent,
            "refunds": self.books.create_refund,
            "customers": self.books.make_customer,
            "payment_methods": lambda params: self.books.make_method(params.get("type", "")),
        }
        self._steps: dict[str, Callable[[str, Row], Row]] = {
            "confirm": self.books.confirm_intent,
            "capture": self.books.capture_intent,
            "cancel": self.books.cancel_intent,
        }
        self.books.listeners.append(lambda event: self.queue.append(Delivery(event=_copy(event))))
        app = Flask("stripe_stand_in")
        app.add_url_rule("/v1/<path:path>", view_func=self._serve, methods=["GET", "POST", "DELETE"])
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    # -- what a test looks at

    def intent_of(self, payment_id: str) -> Row:
        """The one intent of a payment of ours."""
        [found] = [
            each
            for each in self.books.all("payment_intent")
            if each["metadata"].get("payment_id") == str(payment_id)
        ]
        return found

    def refund_of(self, refund_id: str) -> Row:
        [found] = [
            each for each in self.books.all("refund") if each["metadata"].get("refund_id") == str(refund_id)
        ]
        return found

    def charged(self) -> int:
        """All that was taken from payers and not given back."""
        return sum(
            each["amount_captured"] - each["amount_refunded"] + each.get("_let_go", 0)
            for each in self.books.all("charge")
            if each["paid"] and each["captured"]
        )

    def held(self) -> int:
        """All that banks hold for us and nobody has captured or let go."""
        return sum(each["amount_capturable"] for each in self.books.all("payment_intent"))

    def made(self, path: str) -> list[Call]:
        """Calls to addresses that begin so and changed something, each once."""
        return [
            call
            for call in self.calls
            if call.path.startswith(path) and call.method != "GET" and not call.replayed
        ]

    # -- what a test does to it

    def fail_next(self, how: str, begins: str = "", *, times: int = 1, seconds: float = 0.0) -> None:
        self.faults.append(Fault(how=how, begins=begins, times=times, seconds=seconds))

    @contextmanager
    def away(self, how: str = "drop") -> Iterator[None]:
        """An outage of all of it."""
        fault = Fault(how=how, times=1_000_000)
        self.faults.append(fault)
        yield
        self.faults.remove(fault)

    def pay_in_browser(self, intent_id: str, method: str = "pm_card_visa") -> Row:
        """The payer's device confirms with the client secret; a decline is shown there and nowhere else."""
        with self.books.lock:
            try:
                return self.books.confirm_intent(
                    intent_id, {"payment_method": method, "return_url": "https://shop.test"}
                )
            except Refused as refused:
                if refused.status != 402:
                    raise
                return self.books.rows[intent_id]

    def answer_bank(self, intent_id: str, *, agrees: bool = True) -> Row:
        with self.books.lock:
            return self.books.answer_bank(intent_id, agrees=agrees)

    def make_method(self, kind: str, **facts: Any) -> str:
        with self.books.lock:
            return str(self.books.make_method(kind, **facts)["id"])

    # -- events

    def signed(
        self, event: Row, *, secret: str = WEBHOOK_SECRET, age_seconds: int = 0
    ) -> tuple[bytes, dict[str, str]]:
        text = json.dumps(event, indent=2)
        header = stripe.WebhookSignature.generate_signature_header(
            text, secret, timestamp=int(time.time()) - age_seconds
        )
        return text.encode(), {"Stripe-Signature": header, "Content-Type": "application/json"}

    def deliver(self, post: Deliver, *, shuffled: random.Random | None = None, copies: int = 1) -> list[int]:
        """Everything on its way, each `copies` times, in order or shuffled; what is not taken stays on its way."""
        waiting, self.queue = self.queue, []
        round_of = [delivery for delivery in waiting for _ in range(copies)]
        if shuffled is not None:
            shuffled.shuffle(round_of)
        statuses = []
        for delivery in round_of:
            status = post(*self.signed(delivery.event))
            delivery.tries += 1
            delivery.statuses.append(status)
            statuses.append(status)
        self.queue += [each for each in waiting if not any(200 <= status < 300 for status in each.statuses)]
        return statuses

    def take_queue(self) -> list[Row]:
        waiting, self.queue = self.queue, []
        return [delivery.event for delivery in waiting]

    # -- the server

    def _serve(self, path: str) -> Response:
        params = forms.parse(request.query_string.decode()) | forms.parse(request.get_data(as_text=True))
        call = Call(
            method=request.method,
            path=f"/v1/{path}",
            params=params,
            key=request.headers.get("Idempotency-Key"),
        )
        self.calls.append(call)
        fault = self._fault(call)
        if fault == "drop":
            return self._hang_up()
        if fault == "busy":
            return _answer(
                call, 429, _error("Too many requests.", "invalid_request_error", code="rate_limit")
            )
        if fault == "conflict":
            return _answer(
                call,
                409,
                _error("A copy is in flight.", "invalid_request_error", code="idempotency_key_in_use"),
            )
        if request.headers.get("Authorization") != f"Bearer {SECRET_KEY}":
            return _answer(call, 401, _error("Invalid API Key provided.", "invalid_request_error"))
        response = self._once(call, fails=fault == "error")
        return self._hang_up() if fault == "lost" else response

    def _fault(self, call: Call) -> str | None:
        with self._keys_lock:
            fault = next(
                (
                    each
                    for each in self.faults
                    if f"{call.method} {call.path}".startswith(each.begins)
                    or call.path.startswith(each.begins)
                ),
                None,
            )
            if fault is None:
                return None
            fault.times -= 1
            if fault.times <= 0:
                self.faults.remove(fault)
        if fault.how == "slow":
            time.sleep(fault.seconds)
        return fault.how

    def _once(self, call: Call, *, fails: bool) -> Response:
        """Under a key only the first call is executed; later ones hear its answer."""
        if call.key is None or call.method == "GET":
            return _answer(call, *self._execute(call, fails=fails)[:2])
        fingerprint = hashlib.sha256(
            json.dumps([call.method, call.path, call.params], sort_keys=True).encode()
        ).hexdigest()
        with self._keys_lock:
            stored = self._answers.get(call.key)
            if stored is not None:
                if stored.fingerprint != fingerprint:
                    text = (
                        "Keys for idempotent requests can only be used with the same parameters they were first used"
                        f" with. Try using a key other than '{call.key}' if you meant to execute a different request."
                    )
                    return _answer(call, 400, _error(text, "idempotency_error"))
                if not stored.done:
                    return _answer(
                        call,
                        409,
                        _error(
                            "There is currently another in-progress request using this key.",
                            "idempotency_error",
                            code="idempotency_key_in_use",
                        ),
                    )
                call.replayed = True
                return _answer(call, stored.status, stored.body)
            stored = self._answers[call.key] = StoredAnswer(fingerprint=fingerprint)
        status, body, begun = self._execute(call, fails=fails)
        with self._keys_lock:
            if begun:
                stored.status, stored.body, stored.done = status, body, True
            else:
                del self._answers[call.key]
        return _answer(call, status, body)

    def _execute(self, call: Call, *, fails: bool) -> tuple[int, str, bool]:
        """Status, body, and whether execution began: what is refused for its parameters is not stored."""
        if fails:
            return 500, _error("Something went wrong on our end.", "api_error"), True
        with self.books.lock:
            try:
                shown = _expanded(self.books, self._route(call), call.params.get("expand", []))
            except Refused as refused:
                begun = refused.status == 402 or "payment_intent_unexpected_state" in json.dumps(refused.body)
                return refused.status, json.dumps(refused.body), begun
            return 200, json.dumps(shown), True

    def _route(self, call: Call) -> Row:
        books, params = self.books, call.params
        match call.method, call.path.removeprefix("/v1/").split("/"):
            case "POST", ["payment_intents", intent_id, verb] if verb in self._steps:
                row = self._steps[verb](intent_id, params)
            case "POST", ["payment_intents", intent_id]:
                row = books.update_intent(intent_id, params)
            case "POST", ["payment_methods", method_id, "detach"]:
                row = books.detach_method(method_id)
            case "GET", ["payment_methods", name] if name in CARDS:
                row = books.method(name)
            case "GET", ["payment_intents", "search"]:
                row = self._search("payment_intent", params)
            case "GET", [collection]:
                row = self._list(collection, params)
            case "GET", [collection, row_id]:
                row = books.get(_kind_of(collection), row_id)
            case "POST", [collection] if collection in self._makers:
                row = self._makers[collection](params)
            case method, path:
                row = self.connect.route(method, path, params)
        return row

    def _list(self, collection: str, params: Row) -> Row:
        kind = _kind_of(collection)
        rows = [row for row in reversed(self.books.all(kind)) if _fits(row, params)]
        if params.get("starting_after"):
            ids = [row["id"] for row in rows]
            rows = rows[ids.index(params["starting_after"]) + 1 :]
        limit = int(params.get("limit", 10))
        shown = [_copy(row) for row in rows[:limit]]
        return shapes.listed(shown, f"/v1/{collection}", has_more=len(rows) > limit)

    def _search(self, kind: str, params: Row) -> Row:
        """Only `metadata['name']:'value'`."""
        name, _, value = params.get("query", "").partition(":")
        name, value = name.removeprefix("metadata['").removesuffix("']"), value.strip("'\"")
        rows = [_copy(row) for row in self.books.all(kind) if row["metadata"].get(name) == value]
        return {
            "object": "search_result",
            "data": rows,
            "has_more": False,
            "next_page": None,
            "url": f"/v1/{kind}s/search",
        }

    def _hang_up(self) -> Response:
        connection: socket.socket = request.environ["werkzeug.socket"]
        connection.shutdown(socket.SHUT_RDWR)
        return Response(status=500)


FILTERS: Final = ("payment_intent", "charge", "customer", "transfer_group", "destination", "type", "source")


def _fits(row: Row, params: Row) -> bool:
    created = params.get("created", {})
    after = int(created.get("gte", 0)) if isinstance(created, dict) else int(created)
    return row["created"] >= after and all(
        row.get(name) == params[name] for name in FILTERS if name in params
    )


def _kind_of(collection: str) -> str:
    kind = {"transfer_reversals": "transfer_reversal"}.get(collection, collection.removesuffix("s"))
    if kind not in shapes.KINDS:
        raise Refused(f"Unrecognized request URL (/v1/{collection}).", status=404)
    return kind


def _expanded(books: Books, row: Row, ways: list[str]) -> Row:
    """A copy in which the ids that are asked for are replaced by their objects."""
    shown = _copy(row)
    for way in ways:
        first, _, rest = way.partition(".")
        if first == "data" and "data" in shown:
            shown["data"] = [_expanded(books, each, [rest]) for each in shown["data"]]
            continue
        if first not in EXPANDABLE:
            raise Refused(f"This property cannot be expanded ({first}).", param="expand")
        if isinstance(shown.get(first), str):
            shown[first] = _copy(books.rows[shown[first]])
        if rest and isinstance(shown.get(first), dict):
            shown[first] = _expanded(books, shown[first], [rest])
    return shown


def _error(message: str, kind: str, **facts: Any) -> str:
    return json.dumps({"error": {"message": message, "type": kind, **facts}})


def _answer(call: Call, status: int, body: str) -> Response:
    call.status = status
    headers = {"Request-Id": f"req_{id(call):x}"}
    if call.replayed:
        headers["Idempotent-Replayed"] = "true"
    if status in (409, 429):
        headers["Stripe-Should-Retry"] = "true" if status == 409 else "false"
    if status == 500:
        headers["Stripe-Should-Retry"] = "false"
    return Response(body, status=status, mimetype="application/json", headers=headers)
