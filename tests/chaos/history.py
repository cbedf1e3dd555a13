"""A small sale that went well, as a history and as the database holds it; tests change one thing in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.chaos.history import Attempt
from bench.chaos.stored import Hold, Kept, Lot, LotLine, Order, Payment, Pool, PoolLine, Stored

ITEM, POOL, LOT = "item", "pool", "lot"
PLEDGED = 5
PRICE = 5_200
LATER = 10_000.0
"""When the holds' time is over, and after every test's history."""


@dataclass
class Sale:
    """Steps add to the history and to the store alike; times run in seconds, a step takes one."""

    now: float = 100.0
    history: list[Attempt] = field(default_factory=list)
    holds: dict[str, Hold] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    lines: list[PoolLine] = field(default_factory=list)
    keys: dict[str, Kept] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._line(pledged=PLEDGED)

    @property
    def stored(self) -> Stored:
        last = self.lines[-1]
        return Stored(
            at=self.now,
            holds=list(self.holds.values()),
            orders=self.orders,
            payments=self.payments,
            pools=[
                Pool(
                    id=POOL,
                    item=ITEM,
                    pledged=last.pledged,
                    held=last.held,
                    sold=last.sold,
                    version=last.number,
                )
            ],
            witness=self.lines,
            journal=self.lines,
            lots=[Lot(id=LOT, on_hand=9, held=5, version=2)],
            lot_lines=[
                LotLine(lot_id=LOT, number=1, on_hand_delta=9, held_delta=0, on_hand=9, held=0),
                LotLine(lot_id=LOT, number=2, on_hand_delta=0, held_delta=5, on_hand=9, held=5),
            ],
            keys=self.keys,
        )

    def hold(self, shopper: str, boxes: int = 1, **told: Any) -> str:
        """A hold of a new shopper that is answered; its id."""
        hold_id = f"hold of {shopper}"
        line = self._line(held=boxes, hold_id=hold_id)
        self.holds[hold_id] = Hold(
            id=hold_id,
            owner=shopper,
            item=ITEM,
            pool_id=POOL,
            state="active",
            boxes=boxes,
            unit_price_minor=PRICE,
            expires_at=LATER,
        )
        body = {
            "hold_id": hold_id,
            "boxes": boxes,
            "unit_price_minor": PRICE,
            "version": line.number,
            "available": line.free,
            **told,
        }
        self._tell("hold", shopper, 201, body, sent_body={"item_id": ITEM, "boxes": boxes})
        return hold_id

    def refuse(self, shopper: str, boxes: int = 1, *, seconds: float = 1.0, **told: Any) -> None:
        """A hold that is refused for want of boxes."""
        body = {"code": "sold_out", "requested_boxes": boxes, "available_boxes": self.lines[-1].free, **told}
        self._tell("hold", shopper, 409, body, seconds=seconds, sent_body={"item_id": ITEM, "boxes": boxes})

    def release(self, hold_id: str) -> None:
        hold = self.holds[hold_id]
        line = self._line(held=-hold.boxes, hold_id=hold_id)
        self._turn(hold_id, "released")
        self._tell("release", hold.owner, 200, {"pool": {"version": line.number}}, hold_id=hold_id)

    def order(self, hold_id: str) -> None:
        hold = self.holds[hold_id]
        order = Order(
            id=f"order of {hold_id}",
            hold_id=hold_id,
            buyer=hold.owner,
            state="deposit_due",
            boxes=hold.boxes,
            total_minor=hold.boxes * PRICE,
        )
        self.orders.append(order)
        self.payments.append(
            Payment(
                id=f"payment of {hold_id}",
                order_id=order.id,
                state="requires_confirmation",
                amount_minor=order.total_minor,
                received_minor=0,
            )
        )
        self._turn(hold_id, "converting")
        body = {"id": order.id, "boxes": order.boxes, "total_minor": order.total_minor}
        self._tell("order", hold.owner, 201, body, hold_id=hold_id)

    def pay(self, hold_id: str) -> None:
        """The receipt of the newest order is booked."""
        hold = self.holds[hold_id]
        self._line(held=-hold.boxes, sold=hold.boxes, hold_id=hold_id)
        self._turn(hold_id, "consumed")
        self.orders[-1] = replace(self.orders[-1], state="committed")
        self.payments[-1] = replace(
            self.payments[-1], state="succeeded", received_minor=self.payments[-1].amount_minor
        )
        self._tell("receipt", hold.owner, 200, {"state": "succeeded"}, hold_id=hold_id)

    def again(self, place: int = -1, **changes: Any) -> None:
        """The same request once more, with the same answer as a repetition."""
        told = self.history[place]
        self.now += 1
        moved = {"sent": self.now - 1, "answered": self.now, "replayed": True, "phase": "after 1 s"}
        self.history.append(replace(told, **{**moved, **changes}))

    def change(self, place: int = -1, **changes: Any) -> None:
        """What was told differs."""
        self.history[place] = replace(self.history[place], **changes)

    def change_hold(self, hold_id: str, **changes: Any) -> None:
        """What is stored differs."""
        self.holds[hold_id] = replace(self.holds[hold_id], **changes)

    def change_line(self, place: int, **changes: Any) -> None:
        self.lines[place] = replace(self.lines[place], **changes)

    def forget_last(self, lines: int) -> None:
        """As if the last changes had been rolled back after their answer."""
        del self.lines[len(self.lines) - lines :]

    def _turn(self, hold_id: str, state: str) -> None:
        self.change_hold(hold_id, state=state)

    def _line(
        self, *, pledged: int = 0, held: int = 0, sold: int = 0, hold_id: str | None = None
    ) -> PoolLine:
        before = self.lines[-1] if self.lines else None
        line = PoolLine(
            pool_id=POOL,
            number=before.number + 1 if before else 2,
            pledged_delta=pledged,
            held_delta=held,
            sold_delta=sold,
            pledged=(before.pledged if before else 0) + pledged,
            held=(before.held if before else 0) + held,
            sold=(before.sold if before else 0) + sold,
            at=self.now + 0.5,
            hold_id=hold_id,
        )
        self.lines.append(line)
        return line

    def _tell(
        self,
        kind: str,
        shopper: str,
        status: int,
        body: dict[str, Any],
        *,
        seconds: float = 1.0,
        **facts: Any,
    ) -> None:
        number = len({each.op for each in self.history}) + 1
        key = f"key-{number}"
        self.keys[key] = Kept(status=status, body=body)
        self.history.append(
            Attempt(
                op=number,
                kind=kind,
                key=key,
                path=f"/{kind}",
                sent=self.now,
                answered=self.now + seconds,
                status=status,
                shopper=shopper,
                body=body,
                **facts,
            )
        )
        self.now += seconds


def a_sale() -> Sale:
    """One of everything: held, given back, ordered, paid, refused when all was gone."""
    sale = Sale()
    kept = sale.hold("Ann", 2)
    sale.release(sale.hold("Ben", 3))
    sale.order(kept)
    sale.pay(kept)
    sale.hold("Cui", 3)
    sale.refuse("Dan", 1)
    sale.again()
    return sale


def without(history: Sequence[Attempt], kind: str) -> list[Attempt]:
    return [each for each in history if each.kind != kind]
