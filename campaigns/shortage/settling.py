"""The cut is decided: one stored run over all orders of an item. What follows for each of them is `applying`'s."""

import uuid
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.shortage import applying, cases, run
from campaigns.shortage.models import Shortage, ShortageElection
from campaigns.shortage.rules import Choice, Cut, Demand
from campaigns.shortage.states import ShortageState, check_move
from marketplace import audit
from marketplace.context import Context
from orders import cutting


def settle(session: Session, ctx: Context, shortage: Shortage) -> None:
    """Run the cut of a locked shortage and store it; the first batch of orders follows at once, the others by jobs.

    Raises ShortageStateForbids.
    """
    check_move(shortage.state, ShortageState.CUTTING)
    item = cases.item_of(session, shortage)
    cutting.close_sale(
        session, ctx, pool_id=item.pool_id
    )  # nobody else is cut for boxes that are not paid by now
    bought = cutting.boxes_of_item(session, item_id=item.id)
    stock = cases.stock_of(session, item)
    demands = _demands(session, shortage, bought)
    problem = run.problem_of(
        demands,
        stock.supply_for(sum(each.boxes for each in demands)),
        policy=shortage.policy,
        seed=shortage.seed,
        batch=cases.batch_of(shortage),
    )
    cut = run.solve(problem)
    _store(session, ctx, shortage, problem, cut)
    applying.go_on(session, ctx, shortage, cut)


def _demands(session: Session, shortage: Shortage, bought: Mapping[uuid.UUID, int]) -> list[Demand]:
    rows = session.execute(
        select(ShortageElection.order_id, ShortageElection.choice, ShortageElection.wanted_boxes).where(
            ShortageElection.shortage_id == shortage.id
        )
    )
    chosen = {order_id: (Choice(choice), wanted) for order_id, choice, wanted in rows}
    found = []
    for order_id, boxes in bought.items():
        choice, wanted = chosen.get(order_id, (Choice.NO_PREFERENCE, None))
        found.append(Demand(order_id=str(order_id), boxes=boxes, choice=choice, wanted=wanted))
    return sorted(found, key=lambda each: each.order_id)


def _store(session: Session, ctx: Context, shortage: Shortage, problem: dict[str, object], cut: Cut) -> None:
    shortage.problem, shortage.result = problem, run.result_of(cut)
    shortage.digest = run.digest_of(problem, shortage.result)
    before, shortage.state = shortage.state, ShortageState.CUTTING
    shortage.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        "shortage.cut",
        subject=("shortage", shortage.id),
        before={"state": before},
        after={
            "state": str(shortage.state),
            "supply_boxes": cut.supply,
            "kept_boxes": cut.kept,
            "digest": shortage.digest,
        },
    )
