"""The life of a bulk order in tests: steps at the doors, and what is to be seen after them."""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session

from inventory.models import Hold
from marketplace import database, jobs
from marketplace.access import Role
from marketplace.context import Context
from orders import answers
from orders.models import SeasonEntry
from tests import house
from tests.builders import PACK_GRAMS, SEASON, Market
from tests.house import Caller

ORDERS = "/v1/bulk-orders"
QUOTES = "/v1/bulk-quotes"
WHY = {"reason": "rain"}

Shares = dict[tuple[int, str], dict[str, Any]]
"""The shares of an order by the number of their run and the code of their cooperative."""


def asked(market: Market, boxes: int, **changes: Any) -> dict[str, Any]:
    """The body that asks for so many boxes."""
    return {
        "county_id": str(market.county_id),
        "pack_id": str(market.pack_id),
        "quantity": boxes * PACK_GRAMS,
        "season": SEASON,
        **changes,
    }


class Quiet(Caller):
    """Asks what leaves no trace: its calls need no audit row."""

    @classmethod
    def of(cls, caller: Caller) -> "Quiet":
        return cls(caller.app, caller.token, caller.account_id)

    def _left_a_trace(self, request_id: str) -> bool:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One bulk order, its buyer, an operator, and one member of each cooperative."""

    market: Market
    buyer: Caller
    operator: Caller
    members: tuple[Caller, ...]
    order_id: str

    @property
    def url(self) -> str:
        return f"{ORDERS}/{self.order_id}"

    def seen(self) -> dict[str, Any]:
        response = self.operator.get(self.url)
        assert response.status_code == 200, response.json
        return response.json

    @property
    def state(self) -> str:
        return self.seen()["order"]["state"]

    def shares(self) -> Shares:
        return {
            (run["number"], share["code"]): share for run in self.seen()["runs"] for share in run["shares"]
        }

    def states(self) -> dict[tuple[int, str], tuple[str, int]]:
        """State and boxes kept of every share that has or had boxes."""
        return {
            where: (share["state"], share["boxes_kept"])
            for where, share in self.shares().items()
            if share["state"] != "empty"
        }

    def share_url(self, code: str, *, run: int = 1) -> str:
        return f"/v1/shares/{self.shares()[run, code]['id']}"

    def member(self, code: str) -> Caller:
        return self.members[int(code[-1]) - 1]

    def approve(self) -> Any:
        return self.operator.post(f"{self.url}/approval")

    def confirm(self, code: str, boxes: int | None = None, *, run: int = 1) -> Any:
        body = {} if boxes is None else {"boxes": boxes}
        return self.member(code).post(f"{self.share_url(code, run=run)}/confirmation", json=body)

    def decline(self, code: str, *, run: int = 1) -> Any:
        return self.member(code).post(f"{self.share_url(code, run=run)}/refusal", json=WHY)

    def reduce(self, code: str, boxes: int, *, run: int = 1) -> Any:
        body = {**WHY, "boxes": boxes}
        return self.member(code).post(f"{self.share_url(code, run=run)}/reduction", json=body)

    def leave(self, code: str) -> Any:
        cooperative_id = self.market.cooperative_ids[int(code[-1]) - 1]
        return self.operator.post(
            f"{self.url}/departures", json={**WHY, "cooperative_id": str(cooperative_id)}
        )

    def accept_short(self) -> Any:
        return self.buyer.post(f"{self.url}/shortfall-acceptance")

    def cancel(self) -> Any:
        return self.buyer.post(f"{self.url}/cancellation", json=WHY)

    def approved(self) -> "Life":
        return self.done(self.approve())

    def committed(self) -> "Life":
        self.approved()
        for (run, code), (state, _) in self.states().items():
            if state == "offered":
                self.done(self.confirm(code, run=run))
        assert self.state == "committed"
        return self

    def done(self, response: Any) -> "Life":
        assert response.status_code == 200, response.json
        return self

    def let_time_pass(self) -> None:
        """The time of every open question is over, though nobody has written it down yet."""
        as_owner(self.market, "UPDATE share SET answer_due_at = now() - interval '1 minute'")


def place(
    market: Market, buyer: Caller, operator: Caller, members: tuple[Caller, ...], boxes: int, **changes: Any
) -> Life:
    response = buyer.post(ORDERS, json=asked(market, boxes, **changes))
    assert response.status_code == 201, response.json
    return Life(
        market=market,
        buyer=buyer,
        operator=operator,
        members=members,
        order_id=response.json["order"]["id"],
    )


def members_of(market: Market) -> tuple[Caller, ...]:
    """One member of each cooperative."""
    return tuple(
        house.caller(market.app, Role.COOPERATIVE, cooperative_ids=(each,)) for each in market.cooperative_ids
    )


def lapse(market: Market, at: Context | None = None) -> int:
    """What the clock's jobs do: end the silence of every order, one after the other; how many shares."""
    ctx = at or replace(market.ctx, now=market.ctx.now + timedelta(seconds=1))
    with database.reading() as session:
        silent = answers.silent(session, ctx)
    return sum(
        database.transact(lambda session, order_id=order_id: answers.lapse(session, ctx, order_id=order_id))
        for order_id in silent
    )


def season_grams(market: Market) -> dict[str, int]:
    """What the season's account says that each cooperative has, by code."""
    with database.reading() as session:
        rows = session.execute(
            select(SeasonEntry.cooperative_id, func.sum(SeasonEntry.grams)).group_by(
                SeasonEntry.cooperative_id
            )
        ).all()
    codes = {each: f"YJ0{number}" for number, each in enumerate(market.cooperative_ids, start=1)}
    return {codes[cooperative_id]: int(grams) for cooperative_id, grams in rows}


def held_by_lot(market: Market, share_id: str) -> dict[uuid.UUID, int]:
    """The boxes that a share holds now, lot by lot."""

    def work(session: Session) -> dict[uuid.UUID, int]:
        rows = session.execute(
            select(Hold.lot_id, func.sum(Hold.boxes))
            .where(Hold.purpose_id == uuid.UUID(share_id), Hold.state == "active")
            .group_by(Hold.lot_id)
        )
        return {lot_id: int(boxes) for lot_id, boxes in rows if lot_id is not None}

    with database.reading() as session:
        return work(session)


def as_owner(market: Market, sql: str, **values: Any) -> int:
    """Change what no door changes, as the owner of the tables; how many rows."""
    engine = create_engine(market.app.config["SETTINGS"].database_owner_url)
    try:
        with engine.begin() as connection:
            return connection.execute(text(sql), values).rowcount
    finally:
        engine.dispose()


def enqueue(market: Market, name: str) -> None:
    """Put a job into the queue, as the clock does."""
    database.transact(lambda session: jobs.enqueue(session, name))


def count(kind: type) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0
