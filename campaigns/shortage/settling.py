"""The cut is decided: one stored run over all orders of an item. What follows for each of them is `applying`'s."""

import uuid
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.shortage import applying, cases, other_grade, run
from campaigns.shortage.models import Shortage, ShortageElection
from campaigns.shortage.rules import Choice, Cut, Demand
from campaigns.shortage.states import ShortageState, check_move
from marketplace import audit
from marketplace.context import Context
from orders import cutting


def settle(session: Session, ctx: Context, shortage: Shortage) -> None:
    """Run the cut of a locked shortage and store it; the first batch of orders follows at once, the others by jobs.

    Who waits for a later lot since an earlier shortage is not in it: those boxes are owed, and looked for elsewhere.
    Raises ShortageStateForbids.
    """
    check_move(shortage.state, ShortageState.CUTTING)
    item = cases.item_of(session, shortage)
    cutting.close_sale(
        session, ctx, pool_id=item.pool_id
    )  # nobody else is cut for boxes that are not paid by now
    waiting = cases.waiting_boxes(session, item_id=item.id)
    bought = {
        order_id: boxes
        for order_id, boxes in cutting.boxes_of_item(session, item_id=item.id).items()
        if order_id not in waiting
    }
    chosen = _chosen(session, shortage, bought)
    moved = other_grade.move_all(
        session,
        ctx,
        shortage,
        {order_id: each.other_item_id for order_id, each in chosen.items() if each.other_item_id is not None},
    )
    stock = cases.stock_of(session, item)
    demands = [
        _demand(order_id, bought[order_id], chosen.get(order_id), moved) for order_id in sorted(bought)
    ]
    there = sum(each.boxes for each in demands if each.choice != Choice.OTHER_GRADE)
    problem = run.problem_of(
        demands,
        stock.supply_for(there),
        policy=shortage.policy,
        seed=shortage.seed,
        batch=cases.batch_of(shortage),
    )
    cut = run.solve(problem)
    _store(session, ctx, shortage, problem, cut)
    applying.go_on(session, ctx, shortage, cut)


def _chosen(
    session: Session, shortage: Shortage, bought: Mapping[uuid.UUID, int]
) -> dict[uuid.UUID, ShortageElection]:
    """What buyers chose for orders that they still have."""
    statement = select(ShortageElection).where(ShortageElection.shortage_id == shortage.id)
    return {each.order_id: each for each in session.scalars(statement) if each.order_id in bought}


def _demand(
    order_id: uuid.UUID, boxes: int, election: ShortageElection | None, moved: Mapping[uuid.UUID, uuid.UUID]
) -> Demand:
    """Who chose another grade that is gone by now has no preference."""
    if election is None or (election.choice == Choice.OTHER_GRADE and order_id not in moved):
        return Demand(order_id=str(order_id), boxes=boxes)
    return Demand(
        order_id=str(order_id),
        boxes=boxes,
        choice=Choice(election.choice),
        wanted=election.wanted_boxes,
    )


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
