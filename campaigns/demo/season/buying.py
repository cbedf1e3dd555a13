"""Shoppers of a season at the desks: sixty-four at once, as those who come at the same time through the doors.

Who holds, orders and confirms is served by the counter and the tills themselves, with keys, limits and audit rows.
How they pay is in `paying`.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy.orm import Session

from campaigns.promotions import quoting
from inventory import counter
from inventory.grant_rules import Ask, Line
from inventory.granting import Placed
from marketplace import database, desk, idempotency
from marketplace.access import Role
from marketplace.addresses import addresses
from marketplace.context import Actor, Context, now_utc, system
from marketplace.idempotency import Answer, Claim
from marketplace.identity import accounts
from marketplace.till import Caller, Request, Till
from orders import addressing, balances
from orders import at_till as orders_till

T = TypeVar("T")

AT_ONCE: Final = desk.AT_ONCE_MAX
HOLD_MINUTES: Final = 10


class NotServed(Exception):
    """A desk did not give a shopper what the plan counts on: the season would not be the planned one."""


@dataclass(slots=True, kw_only=True)
class Buyer:
    """A shopper of the plan, who has an account, and by and by an order."""

    number: int
    account_id: uuid.UUID
    hold_id: uuid.UUID | None = None
    order_id: uuid.UUID | None = None
    payment_id: uuid.UUID | None = None

    @property
    def ctx(self) -> Context:
        actor = Actor(kind="account", id=self.account_id, roles=frozenset({Role.SHOPPER}))
        return Context(actor=actor, now=now_utc())


def arrive(numbers: Sequence[int]) -> list[Buyer]:
    """New shoppers; each has a phone of its own."""

    def work(session: Session, some: Sequence[int]) -> list[Buyer]:
        made = []
        for number in some:
            account = accounts.create(
                session,
                system(),
                name=f"Shopper {number} 买家",
                roles=frozenset({Role.SHOPPER}),
                phone=f"+86139{number:08d}",
            )
            made.append(Buyer(number=number, account_id=account.id))
        return made

    return [each for some in batches(numbers) for each in fresh(partial(work, some=some))]


def hold(buyers: Sequence[tuple[Buyer, int]], *, pool_id: uuid.UUID, address: str) -> None:
    """Each holds so many boxes. Raises NotServed."""
    for some in batches(buyers):
        callers = [_holder(buyer, boxes, pool_id, address) for buyer, boxes in some]
        for (buyer, _), told in zip(some, counter.serve(callers), strict=True):
            buyer.hold_id = uuid.UUID(_answer(told)["hold_id"])


def quote(buyers: Iterable[Buyer], *, code: str) -> None:
    """Each asks what its boxes cost with a code: what is taken off is reserved. Raises NotServed."""

    def work(session: Session, some: Sequence[Buyer]) -> None:
        for buyer in some:
            assert buyer.hold_id is not None
            told = quoting.ask(session, buyer.ctx, hold_id=buyer.hold_id, typed=[code])
            if list(told.codes) != ["applied"]:
                raise NotServed(repr(told))

    for some in batches(list(buyers)):
        fresh(partial(work, some=some))


def order(buyers: Iterable[Buyer]) -> None:
    """Each orders what it holds. Raises NotServed."""
    for some in batches(list(buyers)):
        asked = [(buyer, buyer.hold_id) for buyer in some if buyer.hold_id is not None]
        for (buyer, _), told in zip(asked, at(orders_till.TILL, asked, "/v1/orders"), strict=True):
            buyer.order_id, buyer.payment_id = uuid.UUID(told["id"]), uuid.UUID(told["payment_id"])


def ask_balances(buyers: Iterable[Buyer]) -> None:
    """Each opens the payment of its balance."""

    def work(session: Session, some: Sequence[Buyer]) -> None:
        for buyer in some:
            assert buyer.order_id is not None
            buyer.payment_id = balances.ask(session, buyer.ctx, order_id=buyer.order_id).id

    for some in batches(list(buyers)):
        fresh(partial(work, some=some))


def choose_addresses(buyers: Iterable[Buyer]) -> None:
    """Each writes an address into its book, and has its boxes sent there."""

    def work(session: Session, some: Sequence[Buyer]) -> None:
        for buyer in some:
            assert buyer.order_id is not None
            saved = addresses.add(session, buyer.ctx, is_default=True, **_address(buyer.number))
            session.flush()
            addressing.choose(session, buyer.ctx, order_id=buyer.order_id, address_id=saved.id)

    for some in batches(list(buyers)):
        fresh(partial(work, some=some))


def _address(number: int) -> dict[str, str]:
    return {
        "recipient": f"买家 {number}",
        "phone": f"139{number:08d}",
        "country": "CN",
        "province": "陕西",
        "city": "西安市",
        "county": "雁塔区",
        "street": f"苹果路 {number} 号",
        "postal_code": "710061",
    }


def batches(rows: Sequence[T]) -> Iterator[list[T]]:
    left = iter(rows)
    while some := list(islice(left, AT_ONCE)):
        yield some


def fresh(work: Callable[[Session], T]) -> T:
    """A unit of work that leaves nothing in the session: ten thousand of each would slow all that follows."""

    def clean(session: Session) -> T:
        done = work(session)
        session.flush()
        session.expunge_all()
        return done

    return database.transact(clean)


def _holder(buyer: Buyer, boxes: int, pool_id: uuid.UUID, address: str) -> counter.Caller:
    ctx = buyer.ctx
    ask = Ask(buyer_id=buyer.account_id, lines=(Line(pool_id=pool_id, boxes=boxes),), minutes=HOLD_MINUTES)
    claim = _claim(buyer, ctx, address)
    return counter.let_in(counter.Request(ctx=ctx, ask=ask, claim=claim, answered=_held))


def _held(placed: Sequence[Placed]) -> Answer:
    [each] = placed
    return Answer(status=201, body=json.dumps({"hold_id": str(each.hold_id)}), headers={})


def at(till: Till, asked: Sequence[tuple[Buyer, uuid.UUID]], address: str) -> list[dict[str, Any]]:
    """What the till tells each of those who stand there at once."""
    callers = []
    for buyer, subject_id in asked:
        ctx = buyer.ctx
        request = Request(ctx=ctx, claim=_claim(buyer, ctx, f"{address}/{subject_id}"), subject_id=subject_id)
        callers.append(
            Caller(ctx=ctx, key=request.claim.key, request_of=_always(request), subject_id=subject_id)
        )
    return [_answer(told) for told in till.serve(callers)]


def _always(request: Request) -> Callable[[Context], Request]:
    return lambda _: request


def _claim(buyer: Buyer, ctx: Context, address: str) -> Claim:
    return idempotency.claim_of(
        ctx, f"season-{buyer.number:06d}-{address}", method="POST", address=address, body=b""
    )


def _answer(told: Any) -> dict[str, Any]:
    reply = told[1]
    if not isinstance(reply, Answer) or reply.status >= 300:
        raise NotServed(repr(reply))
    body: dict[str, Any] = json.loads(reply.body)
    return body
