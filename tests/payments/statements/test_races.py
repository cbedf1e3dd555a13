"""Two do the same at once: a file is stored once, an entry is booked once, a payment is received once."""

import uuid
from functools import partial

from sqlalchemy import func, select

from marketplace import context, database, errors
from marketplace.access import Role
from marketplace.payments import payments
from marketplace.payments.models import Payment
from marketplace.payments.statements import by_hand, matching, uploading
from marketplace.payments.statements.by_hand import Match
from marketplace.payments.statements.models import BankEntry, BankReceipt, BankStatement
from marketplace.payments.statements.states import StatementFormat
from marketplace.payments.statements.uploading import StatementKnown, Upload
from tests.builders import PRICE_MINOR, Market, at_once, confirmed
from tests.house import Caller
from tests.payments.statements.files import entry_of, line, send, table


def upload_of(data: bytes) -> Upload:
    return Upload(data=data, format=StatementFormat.GENERIC_CSV, account="BANK-1", name="x")


def store(wanted: Upload) -> uuid.UUID:
    return database.transact(lambda session: uploading.upload(session, context.system(), wanted).id)


def rows(kind: type) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


def test_the_same_file_twice_at_once_is_one_statement(market: Market) -> None:
    data = table(*(line(f"B{number}") for number in range(50)))
    results = at_once(market.app, [partial(store, upload_of(data))] * 3)
    assert sum(isinstance(each, uuid.UUID) for each in results) == 1
    assert all(isinstance(each, uuid.UUID | StatementKnown) for each in results)
    assert (rows(BankStatement), rows(BankEntry)) == (1, 50)


def test_two_files_that_overlap_at_once_store_each_entry_once(market: Market) -> None:
    lines = [line(f"B{number}") for number in range(60)]
    files = [upload_of(table(*lines[:40])), upload_of(table(*lines[20:]))]
    results = at_once(market.app, [partial(store, each) for each in files])
    assert all(isinstance(each, uuid.UUID) for each in results)
    assert rows(BankEntry) == 60
    with database.reading() as session:
        assert session.scalar(select(func.sum(BankStatement.duplicates))) == 20


def test_a_person_books_by_hand_while_the_matching_runs(market: Market, operator: Caller, as_role) -> None:
    sale = market.on_sale(30)
    orders = [confirmed(as_role(Role.SHOPPER), sale) for _ in range(6)]
    lines = []
    for number, order in enumerate(orders):
        text = market.stored(Payment, order["payment_id"]).reference
        lines.append(line(f"B{number}", minor=PRICE_MINOR, remittance=text))
    send(operator, table(*lines))
    entries = [uuid.UUID(entry_of(operator, f"B{number}")["id"]) for number in range(6)]
    ctx = matching.as_staff(context.system())

    def settle(entry_id: uuid.UUID) -> str:
        def work(session) -> str:
            entry = matching.settle(session, ctx, entry_id=entry_id)
            return entry.state

        return database.transact(work)

    def at_the_entry(entry_id: uuid.UUID, order: dict) -> str:
        wanted = Match(entry_ids=(entry_id,), payment_ids=(uuid.UUID(order["payment_id"]),))
        return database.transact(lambda session: by_hand.match(session, ctx, wanted).state)

    def at_the_payment(order: dict) -> str:
        def work(session) -> str:
            return payments.book_receipt(
                session,
                ctx,
                payment_id=uuid.UUID(order["payment_id"]),
                amount_minor=PRICE_MINOR,
                currency="CNY",
                receipt_reference=f"H-{uuid.uuid4().hex[:8]}",
            ).state

        return database.transact(work)

    for number, (entry_id, order) in enumerate(zip(entries, orders, strict=True)):
        other = partial(at_the_entry, entry_id, order) if number % 2 else partial(at_the_payment, order)
        results = at_once(market.app, [partial(settle, entry_id), other])
        assert all(isinstance(each, str | errors.Conflict) for each in results), results
        assert market.stored(Payment, order["payment_id"]).state == "succeeded"
        entry = entry_of(operator, f"B{number}")
        is_linked = entry["state"] == "booked"
        assert is_linked or entry["reason"] in ("paid_already", "refused")
        assert number % 2 == 0 or is_linked
    assert rows(BankReceipt) <= 6


def test_parts_that_are_settled_at_once_are_booked_once(market: Market, operator: Caller, as_role) -> None:
    order = confirmed(as_role(Role.SHOPPER), market.on_sale(), 3)
    text = market.stored(Payment, order["payment_id"]).reference
    lines = [line(f"B{number}", minor=PRICE_MINOR, remittance=text) for number in range(3)]
    statement_id = uuid.UUID(send(operator, table(*lines)).json["id"])
    ctx = context.system()
    sifted = database.transact(
        lambda session: matching.sift(session, ctx, statement_id=statement_id, after=None)
    )
    assert len(sifted.named) == 3

    def settle(entry_id: uuid.UUID) -> None:
        database.transact(lambda session: matching.settle(session, ctx, entry_id=entry_id))

    results = at_once(market.app, [partial(settle, each) for each in sifted.named])
    assert results == [None, None, None]
    assert market.stored(Payment, order["payment_id"]).state == "succeeded"
    assert rows(BankReceipt) == 3
    assert {entry_of(operator, f"B{number}")["state"] for number in range(3)} == {"booked"}
