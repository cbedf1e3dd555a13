"""The load, a process of its own: `python -m bench.chaos.load PLAN.json [again]`.

Shoppers arrive evenly over the time. Each holds some boxes, then lets them be, gives them back, or orders and pays.
Every step has one key, and is sent with it until it is answered; some are sent five times at once, some are not
waited for, some are sent again 1 s and 10 s later. `again` sends each operation once more, after the restart.
"""

import heapq
import itertools
import queue
import random
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bench.chaos import history
from bench.chaos.history import Attempt
from bench.chaos.plan import Plan
from bench.chaos.wire import Answer, Line, address_of

COPIES: Final = 5
AGAIN_AFTER: Final = (1.0, 10.0)
OPERATIONS_AGAIN_MAX: Final = 2_000
REPEATERS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    number: int
    kind: str
    key: str
    path: str
    token: str
    shopper: str
    address: int
    body: dict[str, Any] = field(default_factory=dict)
    hold_id: str | None = None


class Load:
    """All shoppers of one run."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._history = history.Writer(Path(plan.history))
        self._numbers = itertools.count(1)
        self._own = threading.local()
        self._repeats: list[tuple[float, int, Operation, str]] = []
        self._repeats_lock = threading.Lock()
        self._lives_over = threading.Event()
        self._began = time.time()
        self._until = self._began + plan.seconds
        self._give_up_at = self._until + plan.settle_seconds

    def run(self) -> None:
        lives: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(len(self._plan.shoppers)):
            lives.put(number)
        shoppers = [self._thread(self._live_all, lives) for _ in range(self._plan.connections)]
        repeaters = [self._thread(self._repeat_all) for _ in range(REPEATERS)]
        for thread in shoppers:
            thread.join()
        self._lives_over.set()
        for thread in repeaters:
            thread.join()

    def run_again(self) -> None:
        """Each operation that was answered, once more."""
        known: dict[int, Attempt] = {}
        for attempt in history.read(Path(self._plan.history)):
            if attempt.is_final:
                known.setdefault(attempt.op, attempt)
        tokens = {each.account_id: each.token for each in self._plan.shoppers}
        dice = random.Random(f"{self._plan.seed}:again")
        chosen = dice.sample(sorted(known), min(len(known), OPERATIONS_AGAIN_MAX))
        waiting: queue.SimpleQueue[Operation] = queue.SimpleQueue()
        for number in chosen:
            first = known[number]
            is_operators = first.kind == "receipt"
            waiting.put(
                Operation(
                    number=number,
                    kind=first.kind,
                    key=first.key,
                    path=first.path,
                    token=self._plan.operator_token if is_operators else tokens[first.shopper],
                    shopper=first.shopper,
                    address=number,
                    body=first.sent_body,
                    hold_id=first.hold_id,
                )
            )
        threads = [self._thread(self._send_all, waiting) for _ in range(self._plan.connections)]
        for thread in threads:
            thread.join()

    def _send_all(self, waiting: "queue.SimpleQueue[Operation]") -> None:
        while True:
            try:
                operation = waiting.get_nowait()
            except queue.Empty:
                return
            self._insist(operation, phase="after the restart")

    def _thread(self, work: Callable[..., object], *args: Any) -> threading.Thread:
        thread = threading.Thread(target=work, args=args, daemon=True)
        thread.start()
        return thread

    def _live_all(self, lives: "queue.SimpleQueue[int]") -> None:
        gap = self._plan.seconds / max(1, len(self._plan.shoppers))
        while True:
            try:
                number = lives.get_nowait()
            except queue.Empty:
                return
            time.sleep(max(0.0, self._began + number * gap - time.time()))
            if time.time() > self._until:
                return
            self._live(number)

    def _live(self, number: int) -> None:
        dice = random.Random(f"{self._plan.seed}:{number}")
        item = dice.choices(self._plan.items, [each.weight for each in self._plan.items])[0]
        shopper = self._plan.shoppers[number]
        fate = dice.choice(["leaves it", "gives back", "gives back", "orders", "pays", "pays"])

        def step(kind: str, path: str, body: dict[str, Any] | None = None, hold_id: str | None = None) -> Any:
            operation = Operation(
                number=next(self._numbers),
                kind=kind,
                key=str(uuid.UUID(int=dice.getrandbits(128), version=4)),
                path=path,
                token=self._plan.operator_token if kind == "receipt" else shopper.token,
                shopper=shopper.account_id,
                address=dice.randrange(1 << 24) if kind == "receipt" else number,
                body=body or {},
                hold_id=hold_id,
            )
            return self._perform(operation, dice)

        wanted = {"item_id": item.item_id, "boxes": dice.randint(1, 3)}
        held = step("hold", f"/v1/campaigns/{item.campaign_id}/holds", wanted)
        if held is None or fate == "leaves it":
            return
        hold_id = held.get("hold", {}).get("id") or held["hold_id"]
        time.sleep(dice.random() / 2)
        if fate == "gives back":
            step("release", f"/v1/holds/{hold_id}/release", hold_id=hold_id)
            return
        order = step("order", "/v1/orders", {"hold_id": hold_id}, hold_id)
        if order is None or fate == "orders":
            return
        payment = f"/v1/payments/{order['payment_id']}"
        if step("confirm", f"{payment}/confirm", hold_id=hold_id) is None:
            return
        receipt = {
            "amount_minor": order["total_minor"],
            "currency": order["currency"],
            "receipt_reference": f"BANK-{uuid.UUID(int=dice.getrandbits(128)).hex[:16]}",
        }
        step("receipt", f"{payment}/receipts", receipt, hold_id)

    def _perform(self, operation: Operation, dice: random.Random) -> dict[str, Any] | None:
        """The body of the success, if there is one."""
        is_many = dice.randrange(1_000) < self._plan.copies_share
        hang_up = dice.randrange(1_000) < self._plan.hang_up_share
        if dice.randrange(1_000) < self._plan.repeats_share:
            for seconds in AGAIN_AFTER:
                self._later(operation, seconds)
        others = [
            self._thread(lambda copy=copy: self._insist(operation, copy=copy))
            for copy in range(1, COPIES if is_many else 1)
        ]
        known = self._insist(operation, hang_up=hang_up)
        for thread in others:
            thread.join()
        return known.body if known is not None and known.is_success else None

    def _later(self, operation: Operation, seconds: float) -> None:
        with self._repeats_lock:
            due = (time.time() + seconds, next(self._numbers), operation, f"after {seconds:g} s")
            heapq.heappush(self._repeats, due)

    def _repeat_all(self) -> None:
        while True:
            with self._repeats_lock:
                is_due = bool(self._repeats) and self._repeats[0][0] <= time.time()
                due = heapq.heappop(self._repeats) if is_due else None
                is_over = not self._repeats and self._lives_over.is_set()
            if due is not None:
                self._insist(due[2], phase=due[3])
            elif is_over:
                return
            else:
                time.sleep(0.05)

    def _insist(
        self, operation: Operation, *, phase: str = "first", copy: int = 0, hang_up: bool = False
    ) -> Attempt | None:
        """Send until there is a final answer; the client whose answer is lost does not know more than we do."""
        dice = random.Random()
        while time.time() < self._give_up_at:
            answer = self._line().post(
                operation.path,
                token=operation.token,
                key=operation.key,
                address=address_of(operation.address),
                body=operation.body or None,
                hang_up_after=dice.random() / 30 if hang_up else None,
            )
            attempt = _noted(operation, answer, phase=phase, copy=copy)
            self._history.write(attempt)
            if attempt.is_final:
                return attempt
            hang_up, phase = False, "retry" if phase == "first" else phase
            time.sleep(min(1.0, float(attempt.retry_after or 0.2)) * dice.uniform(0.3, 1.0))
        return None

    def _line(self) -> Line:
        if not hasattr(self._own, "line"):
            self._own.line = Line(self._plan.host, self._plan.port)
        line: Line = self._own.line
        return line


def _noted(operation: Operation, answer: Answer, *, phase: str, copy: int) -> Attempt:
    return Attempt(
        op=operation.number,
        kind=operation.kind,
        key=operation.key,
        path=operation.path,
        sent=answer.sent,
        answered=answer.answered,
        status=answer.status,
        shopper=operation.shopper,
        sent_body=operation.body,
        hold_id=operation.hold_id,
        phase=phase,
        copy=copy,
        body=answer.body,
        replayed=answer.headers.get("idempotent-replayed") == "true",
        retry_after=answer.headers.get("retry-after"),
        error=answer.error,
    )


if __name__ == "__main__":
    given = Plan.read(Path(sys.argv[1]))
    if sys.argv[2:] == ["again"]:
        Load(replace(given, seconds=0.0)).run_again()
    else:
        Load(given).run()
