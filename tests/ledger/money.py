"""Accounts and facts to test with: an item's, two cooperatives', and an escrow with a floor."""

import uuid

from sqlalchemy import text

from marketplace import context, database
from marketplace.ledger import ledger
from marketplace.ledger.rules import Account, Fact, Owner, credit, debit

ITEM = Owner(kind="campaign_item", id=uuid.UUID(int=1))
FUND = Owner(kind="sponsorship", id=uuid.UUID(int=2))


def clearing(currency="CNY"):
    return Account(code="psp_clearing", currency=currency)


def bank(currency="CNY"):
    return Account(code="bank", currency=currency)


def deposits(currency="CNY", owner=ITEM):
    return Account(code="deposit_liability", currency=currency, owner=owner)


def escrow(currency="CNY", owner=FUND):
    """With a floor."""
    return Account(code="sponsor_escrow", currency=currency, owner=owner)


def payable(cooperative_id, currency="CNY"):
    return Account(code="coop_payable", currency=currency, owner=Owner(kind="cooperative", id=cooperative_id))


def prepaid(cooperative_id, currency="CNY"):
    return Account(code="coop_prepaid", currency=currency, owner=Owner(kind="cooperative", id=cooperative_id))


def lines(of, to, minor):
    return (debit(of, minor), credit(to, minor))


def fact(of, to, minor, *, kind="paid", source_id=None, reason=None):
    return Fact(kind=kind, source_id=source_id or uuid.uuid4(), lines=lines(of, to, minor), reason=reason)


def post(of, to, minor, *, ctx=None, **named):
    """One transfer in a unit of work of its own."""
    told = fact(of, to, minor, **named)
    return database.transact(
        lambda session: ledger.post(
            session,
            ctx or context.system(),
            kind=told.kind,
            source_id=told.source_id,
            lines=told.lines,
            reason=told.reason,
        )
    )


def post_many(facts, *, ctx=None):
    return database.transact(lambda session: ledger.post_many(session, ctx or context.system(), facts=facts))


def reserve(of, to, minor, *, kind="payout", source_id=None):
    return database.transact(
        lambda session: ledger.reserve(
            session,
            context.system(),
            kind=kind,
            source_id=source_id or uuid.uuid4(),
            lines=lines(of, to, minor),
        )
    )


def settle(booked, *part):
    return database.transact(
        lambda session: ledger.settle_pending(
            session, context.system(), pending_id=booked.id, lines=part or None
        )
    )


def void(booked):
    return database.transact(
        lambda session: ledger.void(session, context.system(), pending_id=booked.id, reason="not needed")
    )


def reverse(booked, reason="a mistake"):
    return database.transact(
        lambda session: ledger.reverse(session, context.system(), transfer_id=booked.id, reason=reason)
    )


def balance(account):
    """On its own side; what is reserved is still in it."""
    with database.reading() as session:
        return ledger.balance(session, account).balance_minor(side_of(account))


def available(account):
    with database.reading() as session:
        return ledger.available_minor(session, account)


def side_of(account):
    return ledger.chart.entry_of(account.code).group.side


def count(table):
    with database.reading() as session:
        return session.scalar(text(f"SELECT count(*) FROM {table}"))
