"""Reconciles what clients were told with what is stored. Pure: a history and a snapshot in, a report out."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from bench.chaos import journals
from bench.chaos.findings import Report
from bench.chaos.history import Attempt
from bench.chaos.stored import Hold, Order, Payment, Pool, PoolLine, Stored

DEMAND: Final = 3
"""How many times its boxes must be asked for that a pool must sell out."""
SHORT: Final = ("sold_out",)
LATE: Final = {"hold_expired", "hold_not_active", "payment_not_awaited"}
"""Refusals of a step whose hold's time was over."""
AFTER: Final = {
    "release": {"released"},
    "order": {"converting", "consumed"},
    "confirm": {"converting", "consumed"},
    "receipt": {"consumed"},
}
"""In which states an acknowledged step leaves its hold."""
CAUSE: Final = {"released": "release", "converting": "order", "consumed": "receipt"}
"""Which step somebody must have asked for, that a hold is in this state."""


@dataclass(slots=True)
class Op:
    """All attempts of one operation, in the order they were sent."""

    attempts: list[Attempt] = field(default_factory=list)

    @property
    def first(self) -> Attempt:
        return self.attempts[0]

    @property
    def finals(self) -> list[Attempt]:
        return [each for each in self.attempts if each.is_final]

    @property
    def told(self) -> Attempt | None:
        """The success that the client knows, as it was answered first."""
        return min(
            (each for each in self.finals if each.is_success), key=lambda each: each.answered, default=None
        )

    @property
    def is_refused(self) -> bool:
        return bool(self.finals) and self.told is None

    def __str__(self) -> str:
        return f"{self.first.kind} {self.first.op} ({self.first.key})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a hold's answer says, in either form the API has had."""

    hold_id: str
    boxes: int
    unit_price_minor: int
    version: int
    available: int


def promise(body: dict[str, Any]) -> Promise:
    hold, pool = body.get("hold", body), body.get("pool", body)
    return Promise(
        hold_id=hold.get("id") or hold["hold_id"],
        boxes=hold["boxes"],
        unit_price_minor=hold["unit_price_minor"],
        version=pool["version"],
        available=pool["available_boxes"] if "available_boxes" in pool else pool["available"],
    )


def operations(history: Iterable[Attempt]) -> dict[int, Op]:
    found: dict[int, Op] = defaultdict(Op)
    for attempt in sorted(history, key=lambda each: each.sent):
        found[attempt.op].attempts.append(attempt)
    return dict(found)


def check(history: Iterable[Attempt], stored: Stored, *, is_over: bool = True) -> Report:
    """`is_over`: clients went on until they had their answers, so that a missing one counts."""
    report = Report()
    _Reconciliation(operations(history), stored, report).run(is_over=is_over)
    journals.check(stored, report)
    return report


class _Reconciliation:
    """One history against one snapshot."""

    def __init__(self, ops: dict[int, Op], stored: Stored, report: Report) -> None:
        self.ops, self.stored, self.report = ops, stored, report
        self.holds: dict[str, Hold] = {hold.id: hold for hold in stored.holds}
        self.orders: dict[str, Order] = {order.hold_id: order for order in stored.orders}
        self.payments: dict[str, Payment] = {payment.order_id: payment for payment in stored.payments}
        self.pools: dict[str, Pool] = {pool.item: pool for pool in stored.pools}
        self.lines: dict[str, list[PoolLine]] = journals.by_pool(stored.journal)
        self.told_of: dict[str, list[Promise]] = _told_of(ops.values())
        self.told_at: dict[str, dict[int, float]] = defaultdict(dict)
        """By pool and version: when somebody was first told of it."""

    def run(self, *, is_over: bool) -> None:
        for op in self.ops.values():
            self._check_answers(op)
            self._check_kept(op)
            self._check_refusals(op)
            self.report.expect("unanswered", bool(op.finals) or not is_over, f"{op} never got a final answer")
            told = op.told
            if told is not None:
                self._check_told(op, told)
        self._check_effects()
        self._check_states()
        self._check_sums()
        self._check_short()
        self._check_sold()

    def _check_answers(self, op: Op) -> None:
        """Same key, same answer; the copies that ran may be one at most."""
        binding = self._binding(op)
        bodies = {(each.status, json.dumps(each.body, sort_keys=True)): each.phase for each in binding}
        self.report.expect("answers", len(bodies) <= 1, f"{op} got different answers: {list(bodies)}")
        originals = sum(not each.replayed for each in binding)
        self.report.expect(
            "answers", originals <= 1, f"{op} ran {originals} times: so many answers were not repetitions"
        )

    def _check_kept(self, op: Op) -> None:
        binding = self._binding(op)
        if not binding:
            return
        kept, told = self.stored.keys.get(op.first.key), binding[0]
        if self.report.expect("kept", kept is not None, f"{op}: no answer is stored under its key"):
            assert kept is not None
            self.report.expect(
                "kept",
                (kept.status, kept.body) == (told.status, told.body),
                f"{op}: another answer is stored",
            )

    def _binding(self, op: Op) -> list[Attempt]:
        """The final answers that stand under the key; who is turned away at the gate may ask again (decision 17)."""
        kept = self.stored.keys.get(op.first.key)
        return [
            each
            for each in op.finals
            if each.replayed
            or each.code not in SHORT
            or op.first.kind != "hold"
            or (kept is not None and kept.body == each.body)
        ]

    def _check_refusals(self, op: Op) -> None:
        for each in op.attempts:
            if each.status is None or each.is_success:
                continue
            where = f"{op} got {each.status} {each.code}"
            if each.status >= 500:
                is_clean = each.status == 503 and each.retry_after is not None
                self.report.expect("server_error", is_clean, f"{where}, Retry-After {each.retry_after}")
            self.report.expect("server_error", each.code is not None, f"{where} without a code")
            self.report.expect(
                "unexpected",
                not each.is_final or self._is_explained(op, each),
                f"{where}: {each.body}",
            )

    def _is_explained(self, op: Op, refusal: Attempt) -> bool:
        if op.first.kind == "hold":
            return refusal.code in SHORT
        hold = self.holds.get(op.first.hold_id or "")
        return hold is not None and refusal.code in LATE and hold.expires_at <= refusal.answered

    def _check_told(self, op: Op, told: Attempt) -> None:
        assert told.body is not None
        if told.kind == "hold":
            self._check_hold(op, promise(told.body), told)
            return
        hold = self.holds.get(told.hold_id or "")
        if not self.report.expect("lost", hold is not None, f"{op}: its hold is gone"):
            return
        assert hold is not None
        order = self.orders.get(hold.id)
        has_ended = order is not None and order.state in ("expired", "withdrawn") and told.kind == "order"
        self.report.expect(
            "lost", hold.state in AFTER[told.kind] or has_ended, f"{op}: its hold {hold.id} is {hold.state}"
        )
        if told.kind == "order":
            self._check_order(op, told.body, order)
        elif told.kind in ("confirm", "receipt"):
            self._check_payment(op, told, order)
        elif "pool" in told.body:
            line = self._note_version(told, hold, told.body["pool"]["version"])
            is_its = line is None or (line.kind, line.held_delta) == ("released", -hold.boxes)
            self.report.expect("versions", is_its, f"{op}: {hold} was released, its line is {line}")

    def _check_hold(self, op: Op, told: Promise, attempt: Attempt) -> None:
        hold = self.holds.get(told.hold_id)
        if not self.report.expect("lost", hold is not None, f"{op}: hold {told.hold_id} is not stored"):
            return
        assert hold is not None
        asked = op.first
        wanted = (asked.shopper, asked.sent_body["item_id"], told.unit_price_minor)
        is_same = (hold.owner, hold.item, hold.unit_price_minor) == wanted
        is_same = is_same and asked.sent_body["boxes"] == told.boxes
        is_last = told.version == self.told_of[told.hold_id][-1].version
        is_same = is_same and (hold.boxes == told.boxes or not is_last)
        self.report.expect("changed", is_same, f"{op}: told {told}, stored {hold}")
        line = self._note_version(attempt, hold, told.version)
        if line is not None:
            boxes = sum(each.held_delta for each in self._lines_of(hold) if each.number <= told.version)
            is_its = (line.kind, boxes, line.free) == (
                "held" if attempt.status == HTTPStatus.CREATED else "resized",
                told.boxes,
                told.available,
            )
            self.report.expect(
                "versions", is_its, f"{op}: told {told}, its line is {line}, {boxes} boxes held then"
            )

    def _check_order(self, op: Op, told: dict[str, Any], order: Order | None) -> None:
        if not self.report.expect("lost", order is not None and order.id == told["id"], f"{op}: no order"):
            return
        assert order is not None
        is_same = (order.boxes, order.total_minor) == (told["boxes"], told["total_minor"])
        self.report.expect("changed", is_same, f"{op}: told {told}, stored {order}")

    def _check_payment(self, op: Op, told: Attempt, order: Order | None) -> None:
        payment = self.payments.get(order.id) if order is not None else None
        if not self.report.expect("lost", payment is not None, f"{op}: no payment"):
            return
        assert payment is not None
        assert order is not None
        states = {"succeeded"} if told.kind == "receipt" else {"processing", "succeeded"}
        self.report.expect("lost", payment.state in states, f"{op}: its payment is {payment.state}")
        if told.kind == "receipt":
            paid = (order.state, payment.received_minor) == ("committed", order.total_minor)
            self.report.expect("lost", paid, f"{op}: {order} with {payment}")

    def _note_version(self, attempt: Attempt, hold: Hold, version: int) -> PoolLine | None:
        """The line of the told version; it must be there, be the hold's, and be told to nobody else."""
        found = [each for each in self.lines.get(hold.pool_id, ()) if each.number == version]
        where = f"{attempt.kind} {attempt.op} was told version {version} of pool {hold.pool_id}"
        if not self.report.expect("versions", len(found) == 1, f"{where}, which is there {len(found)} times"):
            return None
        [line] = found
        self.report.expect("versions", line.hold_id == hold.id, f"{where}, not of its hold {hold.id}: {line}")
        earlier = self.told_at[hold.pool_id].get(version)
        self.report.expect("versions", earlier is None, f"{where}, which another was told too")
        self.told_at[hold.pool_id][version] = min(attempt.answered, earlier or attempt.answered)
        return line

    def _lines_of(self, hold: Hold) -> list[PoolLine]:
        return [each for each in self.lines.get(hold.pool_id, ()) if each.hold_id == hold.id]

    def _check_effects(self) -> None:
        """As many holds, orders and payments as keys asked for them; none for a refused key."""
        asked: dict[str, list[Op]] = defaultdict(list)
        for op in self.ops.values():
            if op.first.kind == "hold":
                asked[op.first.shopper].append(op)
        made: dict[str, list[Hold]] = defaultdict(list)
        for hold in self.stored.holds:
            made[hold.owner].append(hold)
        for shopper in asked.keys() | made.keys():
            possible = sum(not op.is_refused for op in asked[shopper])
            made_of = [line for hold in made[shopper] for line in self._lines_of(hold)]
            resizings = sum(line.kind == "resized" for line in made_of)
            count = len(made[shopper])
            self.report.expect(
                "twice",
                count + resizings <= possible,
                f"shopper {shopper} has {count} holds, resized {resizings} times, of {possible} possible ones",
            )
        self._check_one_each("order of hold", [order.hold_id for order in self.stored.orders])
        self._check_one_each("payment of order", [payment.order_id for payment in self.stored.payments])

    def _check_one_each(self, what: str, ids: list[str]) -> None:
        self.report.looked_at["twice"] += len(ids)
        for each in {each for each in ids if ids.count(each) > 1} if len(set(ids)) < len(ids) else ():
            self.report.found["twice"].append(f"more than one {what} {each}")

    def _check_states(self) -> None:
        """No hold left its state without somebody asking, or its time being over."""
        asked = {(op.first.hold_id, op.first.kind) for op in self.ops.values()}
        for hold in self.stored.holds:
            cause = CAUSE.get(hold.state)
            order = self.orders.get(hold.id)
            is_explained = (
                cause is None
                or (hold.id, cause) in asked
                or (
                    hold.state == "released" and order is not None and order.state in ("expired", "withdrawn")
                )
            )
            if hold.state == "expired":
                is_explained = hold.expires_at <= self.stored.at
            self.report.expect("changed", is_explained, f"hold {hold.id} is {hold.state}, for no reason")

    def _check_sums(self) -> None:
        """What shoppers were told and have not given back fits into what was pledged."""
        given_back = {op.first.hold_id for op in self.ops.values() if op.first.kind == "release"}
        told: dict[str, int] = defaultdict(int)
        item_of = {
            promise(op.told.body or {}).hold_id: op.first.sent_body["item_id"]
            for op in self.ops.values()
            if op.first.kind == "hold" and op.told is not None
        }
        for hold_id, promised in self.told_of.items():
            hold = self.holds.get(hold_id)
            lapsed = hold is not None and hold.state in ("expired", "released")
            if hold_id not in given_back and not lapsed:
                told[item_of[hold_id]] += promised[-1].boxes
        for item, boxes in told.items():
            pool = self.pools[item]
            self.report.expect(
                "oversold", boxes <= pool.pledged, f"pool {pool.id}: {boxes} boxes promised of {pool.pledged}"
            )
            self.report.expect(
                "oversold",
                boxes <= pool.held + pool.sold,
                f"pool {pool.id}: {boxes} boxes promised, {pool.held} held and {pool.sold} sold",
            )

    def _check_short(self) -> None:
        """A refusal for want of boxes, against every state the pool may have been in while it was decided."""
        for op in self.ops.values():
            refusals = [each for each in op.finals if each.code in SHORT]
            if op.first.kind != "hold" or not refusals:
                continue
            decided = min(refusals, key=lambda each: (each.replayed, each.answered))
            since = op.first.sent if decided.replayed else decided.sent
            pool = self.pools[op.first.sent_body["item_id"]]
            free = journals.free_between(self.lines[pool.id], self.told_at[pool.id], since, decided.answered)
            boxes, own = op.first.sent_body["boxes"], self._own_before(op, pool)
            told = (decided.body or {}).get("available_boxes")
            self.report.expect(
                "false_sold_out",
                any(each + own < boxes for each in free) and (told is None or told < boxes),
                f"{op} asked for {boxes}, had {own}, was told {told} are left, while {free} were free",
            )

    def _check_sold(self) -> None:
        asked: dict[str, int] = defaultdict(int)
        given_back = {op.first.hold_id for op in self.ops.values() if op.first.kind == "release"}
        for op in self.ops.values():
            if op.first.kind == "hold":
                asked[op.first.sent_body["item_id"]] += op.first.sent_body["boxes"]
        touched = {self.holds[each].item for each in given_back if each in self.holds}
        for item, boxes in asked.items():
            pool = self.pools[item]
            if boxes >= DEMAND * pool.pledged and item not in touched:
                taken = pool.held + pool.sold
                self.report.expect(
                    "unsold",
                    100 * taken >= 99 * pool.pledged,
                    f"pool {pool.id}: {boxes} boxes were asked for, {taken} taken of {pool.pledged}",
                )

    def _own_before(self, op: Op, pool: Pool) -> int:
        """The boxes that the shopper held of the pool when it asked; a shopper asks one thing after the other."""
        before = [
            each.told
            for each in self.ops.values()
            if each.first.kind == "hold"
            and each.first.shopper == op.first.shopper
            and each.first.sent_body["item_id"] == pool.item
            and each.first.sent < op.first.sent
            and each.told is not None
        ]
        return promise(before[-1].body or {}).boxes if before and before[-1] else 0


def _told_of(ops: Iterable[Op]) -> dict[str, list[Promise]]:
    """By hold: what its shopper was told of it, in the order of the versions."""
    found: dict[str, list[Promise]] = defaultdict(list)
    for op in ops:
        if op.first.kind == "hold" and op.told is not None:
            told = promise(op.told.body or {})
            found[told.hold_id].append(told)
    return {hold_id: sorted(each, key=lambda one: one.version) for hold_id, each in found.items()}
