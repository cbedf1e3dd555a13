"""What lots carry of label credit: it comes with certified fruit, goes along with it, is earned when it has passed.

Subscribers of the stock's own use cases, so every gram is written in the transaction that moves it. The lot is locked
by whoever moves it; its rows here are touched under that lock, the accounts after it, in the order of their ids.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from inventory.cases.casework import open_case
from inventory.cases.states import CaseKind
from inventory.events import FruitLeft, FruitLost, LotBegan, LotDescended, LotGraded, RoadEnded
from inventory.labels import accounts, credit_rules, land
from inventory.labels.credit_rules import NOTHING, Part
from inventory.labels.models import LabelAccount, LabelHarvest, LotLabel
from inventory.labels.states import LineKind
from inventory.models import Lot
from inventory.quality import quality_holds
from inventory.states import Descent, MovementKind
from marketplace.context import Context
from marketplace.events import Subscription


def of_lot(session: Session, lot_id: uuid.UUID) -> Sequence[LotLabel]:
    """What a lot carries, from each account; nothing for fruit that is not of certified land."""
    return session.scalars(
        select(LotLabel).where(LotLabel.lot_id == lot_id).order_by(LotLabel.account_id)
    ).all()


def row_of(session: Session, lot_id: uuid.UUID, account_id: uuid.UUID) -> LotLabel:
    """The lot's row of the account; an empty one if there is none."""
    found = session.get(LotLabel, (lot_id, account_id))
    if found is None:
        found = LotLabel(
            lot_id=lot_id,
            account_id=account_id,
            certified_grams=0,
            earned_grams=0,
            labelled_grams=0,
            leaving_grams=0,
            leaving_certified_grams=0,
            leaving_earned_grams=0,
            is_suspended=False,
        )
        session.add(found)
        session.flush()
    return found


def on_lot_began(session: Session, ctx: Context, event: LotBegan) -> None:
    """Fruit of a certified plot, harvested while the certificate was good, as far as the land can have borne it."""
    lot = event.lot
    if lot.plot is None:
        return
    plot = land.certified_on(session, cooperative_id=lot.cooperative_id, code=lot.plot, day=lot.harvested_on)
    if plot is None:
        return
    numbers = land.find_season(session, area_id=plot.area_id, season=lot.harvested_on.year)
    if numbers is None:
        return
    account = accounts.opened(
        session,
        ctx,
        cooperative_id=lot.cooperative_id,
        area_id=plot.area_id,
        season=numbers.season,
    )
    harvest = _harvest(session, account, plot.code)
    cap = credit_rules.cap_grams(plot.square_metres, numbers.ceiling_grams_per_hectare)
    certified = credit_rules.certified_grams(lot.on_hand_grams, cap, harvest.certified_grams)
    harvest.weighed_grams += lot.on_hand_grams
    harvest.certified_grams += certified
    row = row_of(session, lot.id, account.id)
    row.certified_grams = certified
    if lot.grade in numbers.grades:
        row.earned_grams = certified
        accounts.earn(session, ctx, account, certified, lot_id=lot.id)
    session.flush()
    if certified < lot.on_hand_grams:
        facts = {
            "plot": plot.code,
            "season": numbers.season,
            "cap_grams": cap,
            "weighed_grams": harvest.weighed_grams,
            "over_grams": lot.on_hand_grams - certified,
        }
        open_case(
            session,
            ctx,
            kind=CaseKind.LABEL_HARVEST,
            subject=("lot", lot.id),
            facts=facts,
            cooperative_id=lot.cooperative_id,
        )


def on_fruit_lost(session: Session, ctx: Context, event: FruitLost) -> None:
    """What is lost takes its share of what the lot carries."""
    rows = of_lot(session, event.lot.id)
    if not rows:
        return
    for row, part in zip(rows, _leaving(rows, event.grams, event.before_grams), strict=True):
        _take(row, part)
        _lose(session, ctx, row, part.earned_grams, event.kind)


def on_fruit_left(session: Session, ctx: Context, event: FruitLeft) -> None:  # noqa: ARG001 (a subscriber's form)
    """Under way to other lots: out of the lot, and in none yet."""
    rows = of_lot(session, event.lot.id)
    for row, part in zip(rows, _leaving(rows, event.grams, event.before_grams), strict=True):
        _take(row, part)
        row.leaving_grams += event.grams
        row.leaving_certified_grams += part.certified_grams
        row.leaving_earned_grams += part.earned_grams
    session.flush()


def on_lot_descended(session: Session, ctx: Context, event: LotDescended) -> None:  # noqa: ARG001
    """A lot begins with what its fruit carried where it came from."""
    came: dict[uuid.UUID, list[tuple[LotLabel, Part]]] = {}
    for parent_id, grams in event.shares:
        rows = of_lot(session, parent_id)
        if event.descent == Descent.RETURNED:
            parts = _of_shipped(session, rows, parent_id, grams)
        else:
            parts = _arriving(rows, grams)
        for row, part in zip(rows, parts, strict=True):
            came.setdefault(row.account_id, []).append((row, part))
    for account_id, found in sorted(came.items()):
        is_suspended = all(row.is_suspended for row, _ in found)
        child = row_of(session, event.lot.id, account_id)
        child.is_suspended = is_suspended
        for row, part in found:
            if row.is_suspended and not is_suspended:
                # It stays with the suspended lot until that is admitted.
                row.certified_grams += part.certified_grams
            else:
                child.certified_grams += part.certified_grams
                child.earned_grams += part.earned_grams
    session.flush()


def on_lot_graded(session: Session, ctx: Context, event: LotGraded) -> None:
    """Accepted grades earn, others lose what they had earned; where the line does not add up, nothing of it earns."""
    found = [(lot, row) for lot in event.children for row in of_lot(session, lot.id)]
    standing = {row.account_id: row for _, row in found}
    locked = {account_id: accounts.locked(session, account_id) for account_id in sorted(standing)}
    tolerances = [accounts.season_of(session, account).tolerance_permille for account in locked.values()]
    is_balanced = all(
        credit_rules.is_balanced(event.in_grams, event.out_grams, event.lost_grams, each)
        for each in tolerances
    )
    for lot, row in found:
        account = locked[row.account_id]
        if not is_balanced:
            _give_up(session, ctx, account, row, "the grading does not add up")
            row.is_suspended = True
        elif lot.grade in accounts.season_of(session, account).grades:
            _earn(session, ctx, account, row)
        else:
            _give_up(session, ctx, account, row, f"grade {lot.grade}")
    session.flush()
    if not is_balanced:
        _stop(session, ctx, event)


def on_road_ended(session: Session, ctx: Context, event: RoadEnded) -> None:
    """What did not arrive takes its share of what was on the road."""
    rows = of_lot(session, event.lot.id)
    kind = MovementKind.CULLED if event.kind == MovementKind.CULLED else MovementKind.SHRUNK
    for row, part in zip(rows, _arriving(rows, event.gap_grams), strict=True):
        _lose(session, ctx, row, part.earned_grams, kind)
    session.flush()


def _earn(session: Session, ctx: Context, account: LabelAccount, row: LotLabel) -> None:
    if row.is_suspended:
        return
    gained = row.certified_grams - row.earned_grams
    row.earned_grams = row.certified_grams
    accounts.earn(session, ctx, account, gained, lot_id=row.lot_id)


def admit(session: Session, ctx: Context, account: LabelAccount, row: LotLabel, grade: str) -> None:
    """A suspended row of a locked lot counts after all, and earns if its fruit has passed."""
    row.is_suspended = False
    if grade in accounts.season_of(session, account).grades:
        _earn(session, ctx, account, row)
    session.flush()


def _give_up(session: Session, ctx: Context, account: LabelAccount, row: LotLabel, reason: str) -> None:
    lost = row.earned_grams
    row.earned_grams = 0
    accounts.post(session, ctx, account, LineKind.CULL, -lost, lot_id=row.lot_id, reason=reason)


def _stop(session: Session, ctx: Context, event: LotGraded) -> None:
    """All that came off the line is kept back, and somebody must find out what happened."""
    for lot in event.children:
        quality_holds.place(
            session,
            ctx,
            lot_id=lot.id,
            quantity_grams=lot.on_hand_grams,
            reason="the grading does not add up",
        )
    facts = {
        "in_grams": event.in_grams,
        "out_grams": event.out_grams,
        "lost_grams": event.lost_grams,
        "unexplained_grams": event.in_grams - event.out_grams - event.lost_grams,
        "lots": [lot.code for lot in event.children],
    }
    open_case(
        session,
        ctx,
        kind=CaseKind.LABEL_BALANCE,
        subject=("lot", event.parent.id),
        facts=facts,
        cooperative_id=event.parent.cooperative_id,
    )


def _harvest(session: Session, account: LabelAccount, plot: str) -> LabelHarvest:
    """What was weighed of the plot so far; the account is locked."""
    key = {"cooperative_id": account.cooperative_id, "plot": plot, "season": account.season}
    session.execute(
        insert(LabelHarvest)
        .values(**key, area_id=account.area_id, weighed_grams=0, certified_grams=0)
        .on_conflict_do_nothing()
    )
    return session.get_one(LabelHarvest, key, populate_existing=True, with_for_update=True)


def _leaving(rows: Sequence[LotLabel], grams: int, before_grams: int) -> list[Part]:
    """What goes along with so many grams of what was in the lot and bore no label."""
    mass = before_grams - sum(row.labelled_grams for row in rows)
    parts = [Part(certified_grams=row.certified_grams, earned_grams=row.earned_grams) for row in rows]
    return credit_rules.parted(parts, grams, mass)


def _arriving(rows: Iterable[LotLabel], grams: int) -> list[Part]:
    """What so many grams bring along of what is under way."""
    found = []
    for row in rows:
        under_way = Part(certified_grams=row.leaving_certified_grams, earned_grams=row.leaving_earned_grams)
        [part] = credit_rules.parted([under_way], min(grams, row.leaving_grams), row.leaving_grams)
        row.leaving_certified_grams -= part.certified_grams
        row.leaving_earned_grams -= part.earned_grams
        row.leaving_grams -= min(grams, row.leaving_grams)
        found.append(part)
    return found


def _of_shipped(session: Session, rows: Sequence[LotLabel], lot_id: uuid.UUID, grams: int) -> list[Part]:
    """Of fruit that was shipped without labels, what its lot may still be labelled for beyond what is in the store."""
    if not rows:
        return []
    mass = session.get_one(Lot, lot_id).on_hand_grams - sum(row.labelled_grams for row in rows)
    left = min(grams, max(0, sum(row.certified_grams for row in rows) - max(0, mass)))
    found = []
    for row in rows:
        certified = min(left, row.certified_grams)
        left -= certified
        part = NOTHING
        if certified:
            earned = credit_rules.share(row.earned_grams, certified, row.certified_grams)
            part = Part(certified_grams=certified, earned_grams=earned)
        _take(row, part)
        found.append(part)
    return found


def _take(row: LotLabel, part: Part) -> None:
    row.certified_grams -= part.certified_grams
    row.earned_grams -= part.earned_grams


def _lose(session: Session, ctx: Context, row: LotLabel, earned: int, kind: MovementKind) -> None:
    session.flush()
    if not earned:
        return
    account = accounts.locked(session, row.account_id)
    if kind == MovementKind.CULLED:
        accounts.post(session, ctx, account, LineKind.CULL, -earned, lot_id=row.lot_id)
    else:
        accounts.shrink(session, ctx, account, earned, lot_id=row.lot_id)


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = (
    (LotBegan, on_lot_began),
    (FruitLost, on_fruit_lost),
    (FruitLeft, on_fruit_left),
    (LotDescended, on_lot_descended),
    (LotGraded, on_lot_graded),
    (RoadEnded, on_road_ended),
)
