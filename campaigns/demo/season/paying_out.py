"""A season's cooperatives and their money: where they are paid, advances, statements, and payouts by two people."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.advances import asking
from campaigns.settling import drafting
from marketplace import database
from marketplace.access import Role
from marketplace.catalogue.models import Cooperative
from marketplace.context import Actor, Context, now_utc, system
from marketplace.identity import accounts, sessions
from marketplace.payouts import batching, destinations, payouts, sending
from marketplace.payouts.models import Payout
from marketplace.payouts.states import PayoutState
from orders.settlements import paying, settling
from orders.settlements.advance_models import Advance
from orders.settlements.drafting import Agreed
from orders.settlements.models import Settlement
from orders.settlements.states import SettlementState

T = TypeVar("T")

CURRENCY: Final = "CNY"
COMMISSION_BPS: Final = 400
RETENTION_PERMILLE: Final = 50
RETAINED: Final = timedelta(days=120)
OBJECTION_DAYS: Final = 7
BANK: Final = "102791000018"
"""The CNAPS number of the made-up bank of everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """A member of each cooperative, and the second operator without whom no money leaves."""

    members: dict[uuid.UUID, Actor]
    approver: Actor


def appoint(sellers: tuple[Cooperative, ...]) -> People:
    """They log in, and each member says where its cooperative is paid."""

    def work(session: Session) -> People:
        members = {}
        for number, each in enumerate(sellers, start=1):
            actor = _logged_in(
                session, f"Member 社员 {each.code}", Role.COOPERATIVE, cooperative_ids=frozenset({each.id})
            )
            members[each.id] = actor
            account = {
                "holder": each.name_zh,
                "bank": "宜君县农村信用社",
                "number": f"27{number:012d}",
                "cnaps": BANK,
            }
            destinations.name(session, _ctx(actor), cooperative_id=each.id, kind="bank", bank_account=account)
        approver = _logged_in(session, "Second operator 复核", Role.OPERATOR)
        return People(members=members, approver=approver)

    return database.transact(work)


def ask_for_advances(people: People, cooperative_ids: list[uuid.UUID], *, campaign_id: uuid.UUID) -> int:
    """Each asks for all that it is offered; how many asked."""

    def work(session: Session, cooperative_id: uuid.UUID) -> int:
        ctx = _ctx(people.members[cooperative_id])
        asked = 0
        for each in asking.offers(session, ctx, campaign_id=campaign_id, cooperative_id=cooperative_id):
            if each.offer.amount_minor:
                asking.ask(
                    session,
                    ctx,
                    campaign_id=campaign_id,
                    cooperative_id=cooperative_id,
                    currency=each.currency,
                    amount_minor=each.offer.amount_minor,
                )
                asked += 1
        return asked

    return sum(database.transact(partial(work, cooperative_id=each)) for each in cooperative_ids)


def grant_advances(operator: Actor) -> int:
    """All that were asked for; how much money."""

    def work(session: Session) -> int:
        asked = session.scalars(select(Advance).where(Advance.state == "asked").order_by(Advance.id)).all()
        granted = [asking.grant(session, _ctx(operator), advance_id=each.id) for each in asked]
        return sum(each.amount_minor or 0 for each in granted)

    return database.transact(work)


def propose(operator: Actor, *, campaign_id: uuid.UUID) -> int:
    """Statements for all cooperatives, which may read them and object; how many."""
    ctx = _ctx(operator)
    agreed = Agreed(
        commission_bps=COMMISSION_BPS,
        retention_permille=RETENTION_PERMILLE,
        retained_until=ctx.today + RETAINED,
        objection_days=OBJECTION_DAYS,
    )
    database.transact(partial(drafting.draft, ctx=ctx, campaign_id=campaign_id, agreed=agreed))
    return database.transact(partial(drafting.propose_all, ctx=ctx, campaign_id=campaign_id)).proposed


def accept(people: People, cooperative_ids: list[uuid.UUID]) -> int:
    """These have read theirs and agree, before their days are over; how many."""

    def work(session: Session) -> int:
        found = session.scalars(
            select(Settlement)
            .where(
                Settlement.cooperative_id.in_(cooperative_ids), Settlement.state == SettlementState.PROPOSED
            )
            .order_by(Settlement.id)
        ).all()
        for each in found:
            member = _ctx(people.members[each.cooperative_id])
            settling.accept(session, member, settlement_id=each.id, digest=each.digest)
        return len(found)

    return database.transact(work)


def draft_payouts(operator: Actor) -> int:
    """Of every final settlement of which something is to be paid; how many."""

    def work(session: Session) -> int:
        final = session.scalars(
            select(Settlement.id)
            .where(Settlement.state == SettlementState.FINAL, Settlement.payout_minor > 0)
            .order_by(Settlement.id)
        ).all()
        for settlement_id in final:
            paying.draft_payout(session, _ctx(operator), settlement_id=settlement_id)
        return len(final)

    return database.transact(work)


def pay(operator: Actor, people: People) -> int:
    """The second operator approves, one file goes to the bank, which pays all of it; how much money."""
    database.transact(partial(_approve, ctx=_ctx(people.approver)))
    ctx = _ctx(operator)
    if not database.transact(_some_wait):
        return 0
    batch = partial(batching.make, ctx=ctx, currency=CURRENCY, file_format="csv")
    batch_id = database.transact(lambda session: batch(session).id)
    return database.transact(partial(_arrive, ctx=ctx, batch_id=batch_id))


def _approve(session: Session, ctx: Context) -> None:
    drafted = session.scalars(
        select(Payout).where(Payout.state == PayoutState.DRAFTED).order_by(Payout.id)
    ).all()
    for each in drafted:
        where = payouts.standing_still(session, each.cooperative_id)
        payouts.approve(session, ctx, payout_id=each.id, destination_id=where.id)


def _some_wait(session: Session) -> bool:
    return session.scalar(select(Payout.id).where(Payout.state == PayoutState.APPROVED).limit(1)) is not None


def _arrive(session: Session, ctx: Context, batch_id: uuid.UUID) -> int:
    sent = session.scalars(select(Payout).where(Payout.batch_id == batch_id).order_by(Payout.id)).all()
    for each in sent:
        sending.mark_paid(session, ctx, payout_id=each.id, receipt_reference=f"SEASON-{each.reference}")
    return sum(each.amount_minor for each in sent)


def _logged_in(
    session: Session, name: str, role: Role, *, cooperative_ids: frozenset[uuid.UUID] = frozenset()
) -> Actor:
    account = accounts.create(
        session, system(), name=name, roles=frozenset({role}), cooperative_ids=cooperative_ids
    )
    opened, _ = sessions.open_session(session, system(), account=account)
    return Actor(
        kind="account",
        id=account.id,
        roles=frozenset({role}),
        cooperative_ids=cooperative_ids,
        session_id=opened.id,
    )


def _ctx(actor: Actor) -> Context:
    return Context(actor=actor, now=now_utc())
