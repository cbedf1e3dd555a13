"""The bank's statement tells which payouts it paid: by reference and amount, each once, the rest left to a person."""

import uuid

import pytest
from sqlalchemy import select

from marketplace import database
from marketplace.payments.statements.models import BankEntry
from marketplace.payouts import confirming
from marketplace.payouts.models import Payout, PayoutBatch
from tests.payments.statements import files
from tests.payouts.desk import Desk


def out(payout: Payout, key: str = "", **changes: object) -> dict[str, str]:
    """An outgoing line that names a payout."""
    facts = {"direction": "debit", "minor": payout.amount_minor, "remittance": f"付款 {payout.reference}"}
    return files.line(key, **{**facts, **changes})


def tell(desk: Desk, *lines: dict[str, str], **options: str) -> None:
    answer = files.send(desk.drafter, files.table(*lines), **options)
    assert answer.status_code == 201, answer.json
    desk.work()


def test_an_outgoing_entry_that_names_a_payout_has_paid_it(ready: Desk) -> None:
    some = [ready.approved(1_000 * (number + 1), cooperative=number) for number in range(2)]
    ready.make()
    tell(ready, out(some[0], "K1"), out(some[1], "K2"), files.line("K3", direction="debit"))
    assert [ready.stored(each).state for each in some] == ["paid", "paid"]
    assert ready.stored(some[0]).receipt_reference == "BANK-1:K1"
    assert ready.stands() == (99_000, 3_000)


def test_blanks_and_small_letters_do_not_matter_and_a_second_statement_changes_nothing(ready: Desk) -> None:
    payout = ready.approved(1_000)
    ready.make()
    spaced = f"pay-{payout.reference[:4].lower()} {payout.reference[4:]}"
    tell(ready, out(payout, "K1", remittance=spaced))
    assert ready.stored(payout).state == "paid"
    tell(ready, out(payout, "K1", remittance=spaced), out(payout, "K9"))
    assert ready.stored(payout).receipt_reference == "BANK-1:K1"
    assert ready.stands() == (99_000, 1_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"minor": 999},
        {"minor": 1_001},
        {"currency": "USD"},
        {"direction": "credit"},
        {"remittance": "rent"},
    ],
)
def test_another_sum_currency_way_or_name_pays_nothing(ready: Desk, changes: dict[str, object]) -> None:
    payout = ready.approved(1_000)
    ready.make()
    tell(ready, out(payout, "K1", **changes))
    assert ready.stored(payout).state == "sent"


def test_an_entry_that_names_two_pays_neither(ready: Desk) -> None:
    first, second = ready.approved(1_000), ready.approved(1_000, cooperative=1)
    ready.make()
    tell(ready, out(first, remittance=f"{first.reference} / {second.reference}"))
    assert {ready.stored(each).state for each in (first, second)} == {"sent"}


def test_what_was_not_sent_or_came_back_is_not_paid_by_a_statement(ready: Desk) -> None:
    waiting, back = ready.approved(1_000), ready.approved(2_000, cooperative=1)
    ready.make(payout_ids=[str(back.id)])
    ready.drafter.post(f"/v1/payouts/{back.id}/return", json={"reason": "closed"})
    tell(ready, out(waiting), out(back))
    assert [ready.stored(each).state for each in (waiting, back)] == ["approved", "returned"]


def test_a_person_was_faster(ready: Desk) -> None:
    payout = ready.approved(1_000)
    ready.make()
    ready.drafter.post(f"/v1/payouts/{payout.id}/receipt", json={"receipt_reference": "BY HAND"})
    tell(ready, out(payout))
    assert ready.stored(payout).receipt_reference == "BY HAND"


def test_a_bank_that_books_a_batch_in_one_sum_names_the_batch(
    ready: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "PAYOUTS_AT_ONCE", 2)
    some = [ready.approved(1_000, cooperative=number % 2) for number in range(5)]
    batch = ready.make()
    ready.drafter.post(f"/v1/payouts/{some[0].id}/return", json={"reason": "closed"})
    tell(ready, files.line("K1", direction="debit", minor=4_999, remittance=batch["reference"]))
    assert {ready.stored(each).state for each in some[1:]} == {"sent"}
    tell(ready, files.line("K2", direction="debit", minor=5_000, remittance=batch["reference"]))
    assert [ready.stored(each).state for each in some] == ["returned", *["paid"] * 4]
    assert ready.stored(some[1]).receipt_reference == f"BANK-1:K2/{some[1].reference}"


def test_a_long_statement_is_gone_through_in_pieces(ready: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirming, "ENTRIES_AT_ONCE", 2)
    some = [ready.approved(1_000 + number) for number in range(5)]
    ready.make()
    tell(ready, *(out(each) for each in some))
    assert {ready.stored(each).state for each in some} == {"paid"}


def test_the_names_of_a_statement_in_xml_are_found_where_banks_write_them(ready: Desk) -> None:
    payout = ready.approved(5_200)
    ready.make(format="pain_001")
    details = f"<TxDtls><Refs><EndToEndId>{payout.reference}</EndToEndId></Refs></TxDtls>"
    data = files.camt(files.camt_entry("K1", direction="DBIT", details=details))
    answer = files.send(ready.drafter, data, format="camt_053")
    assert answer.status_code == 201, answer.json
    ready.work()
    assert ready.stored(payout).state == "paid"
    with database.reading() as session:
        assert session.scalars(select(BankEntry.state)).all() == ["kept"]


def test_a_receipt_is_never_longer_than_its_column(ready: Desk) -> None:
    payout = ready.approved(1_000)
    batch = ready.make()
    receipt = f"{'A' * 20}:{'K' * 56}"
    with database.reading() as session:
        batch_id = session.scalars(select(PayoutBatch.id)).one()
    assert batch_id == uuid.UUID(batch["id"])
    database.transact(
        lambda session: confirming.pay_batch(
            session, ready.market.ctx, batch_id=str(batch_id), receipt=receipt
        )
    )
    assert ready.stored(payout).receipt_reference == f"{receipt}/{payout.reference}"
