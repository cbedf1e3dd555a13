"""A settlement's statement as it is stored, and its moves: many at once where many move at once."""

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.audit import AuditEntry
from marketplace.context import Context
from marketplace.language import Text
from orders.settlements import json_form
from orders.settlements.account import Account
from orders.settlements.facts import Facts
from orders.settlements.models import Settlement, SettlementMove
from orders.settlements.proof import faults
from orders.settlements.rules import Line, LineKind, Statement, settle

DRAFT: Final = "draft"
"""What a settlement begins with, and what computes it anew: no event of its life."""


class StatementNotProved(errors.Conflict):
    """A statement does not hold together; `faults` says why. Nothing is stored."""

    title = Text(en="A statement does not hold together.", zh="结算单未通过核验。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One step of one settlement."""

    settlement: Settlement
    event: str
    before: str | None
    reason: str | None = None


def drafted(settlement: Settlement, *, was: str | None) -> Iterator[Moved]:
    """The step of a draft that was computed, anew if it had a digest (`was`); none if it says the same as before."""
    if settlement.digest != was:
        settlement.version += 0 if was is None else 1
        yield Moved(settlement=settlement, event=DRAFT, before=None if was is None else DRAFT)


def put(settlement: Settlement, statement: Statement) -> None:
    """A draft says this from now on. Raises StatementNotProved."""
    if wrong := faults(statement):
        raise StatementNotProved(number=settlement.number, faults=list(wrong))
    text = json_form.canonical(json_form.told_of(statement))
    settlement.told, settlement.digest = text, json_form.digest_of(text)
    settlement.payout_minor = statement.payout_minor


def statement_of(settlement: Settlement) -> Statement:
    """As it was put; the rules give the same again, which its digest shows."""
    facts, before = facts_of(settlement), before_of(settlement)
    return settle(facts, before)


def facts_of(settlement: Settlement) -> Facts:
    return json_form.from_json(Facts, json.loads(settlement.told)["facts"])


def before_of(settlement: Settlement) -> Account:
    return json_form.from_json(Account, json.loads(settlement.told)["before"])


def of_kind(statement: Statement, *kinds: LineKind) -> list[Line]:
    return [line for line in statement.lines if line.kind in kinds]


def sum_of(statement: Statement, *kinds: LineKind) -> int:
    """What these lines move, without a sign."""
    return abs(sum(line.amount_minor for line in of_kind(statement, *kinds)))


def moves_of(session: Session, settlement_id: uuid.UUID) -> Sequence[SettlementMove]:
    wanted = select(SettlementMove).where(SettlementMove.settlement_id == settlement_id)
    return session.scalars(wanted.order_by(SettlementMove.number)).all()


def write(session: Session, ctx: Context, moved: Iterable[Moved]) -> None:
    """A line of the journal and one of the audit trail for each; the settlements are locked and changed already."""
    steps = list(moved)
    if not steps:
        return
    session.flush()
    wanted = [each.settlement.id for each in steps]
    last = {
        row[0]: row[1]
        for row in session.execute(
            select(SettlementMove.settlement_id, func.max(SettlementMove.number))
            .where(SettlementMove.settlement_id.in_(wanted))
            .group_by(SettlementMove.settlement_id)
        )
    }
    rows, told = [], []
    for each in steps:
        settlement = each.settlement
        last[settlement.id] = last.get(settlement.id, 0) + 1
        rows.append(
            {
                "settlement_id": settlement.id,
                "number": last[settlement.id],
                "event": str(each.event),
                "before": each.before,
                "after": str(settlement.state),
                "digest": settlement.digest,
                "reason": each.reason,
                "actor": ctx.actor.label,
                "request_id": ctx.request_id,
                "at": ctx.now,
            }
        )
        told.append(
            audit.row(
                ctx,
                f"settlement.{each.event}",
                subject=("settlement", settlement.id),
                before={"state": each.before},
                after={
                    "state": str(settlement.state),
                    "payout_minor": settlement.payout_minor,
                    "digest": settlement.digest,
                    "reason": each.reason,
                },
            )
        )
    session.execute(insert(SettlementMove), rows)
    session.execute(insert(AuditEntry), told)
