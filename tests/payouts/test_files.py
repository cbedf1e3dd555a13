"""What a bank is told to pay: as the schema has it, exact in every currency, adding up."""

import csv
import io
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.payouts import bank_csv, batches, pain001
from marketplace.payouts.bank_csv import Encoding
from marketplace.payouts.batches import Account, Batch, BatchRefused, Charset, Payout, amount_of, is_iban
from marketplace.values import MINOR_DIGITS, TOTAL_MINOR_MAX
from tests.payouts import structure

PAYER = Account(name="宜君县果业平台", number="6100123456789", cnaps="102791000018")
PAYEE = Account(name="第一合作社", number="6222020000001234", cnaps="103791000026")
PAYOUT = Payout(id="P-1", payee=PAYEE, amount_minor=5_200, currency="CNY", purpose="苹果货款")
BATCH = Batch(
    id="B-2026-11-26",
    payer=PAYER,
    created_at=datetime(2026, 11, 26, 8, 30, 0, 123, tzinfo=UTC),
    execute_on=date(2026, 11, 27),
    payouts=(PAYOUT,),
)


def batch_of(*payouts: Payout, **changes) -> Batch:
    return replace(BATCH, payouts=payouts, **changes)


def faults(batch: Batch) -> list[tuple[str, str]]:
    with pytest.raises(BatchRefused) as refused:
        batches.check(batch)
    assert all(each["detail"].en.endswith(".") for each in refused.value.facts["errors"])
    return [(each["payout"], each["fault"]) for each in refused.value.facts["errors"]]


def parsed(batch: Batch) -> ET.Element:
    return ET.fromstring(pain001.write(batch))


names = st.text("李四合作社 ABCabc0123", min_size=1, max_size=140).filter(str.strip)
accounts = st.builds(
    Account,
    name=names,
    number=st.text("0123456789", min_size=1, max_size=34),
    bic=st.sampled_from(["", "ICBKCNBJSXI"]),
) | st.builds(Account, name=names, iban=st.just("DE89370400440532013000"))
money = st.tuples(st.integers(1, TOTAL_MINOR_MAX), st.sampled_from(["CNY", "JPY", "KWD", "USD"]))
payouts = st.lists(
    st.tuples(accounts, money, st.text("苹果货款 1", max_size=140)), min_size=1, max_size=12
).map(
    lambda some: tuple(
        Payout(id=f"P-{number}", payee=payee, amount_minor=minor, currency=currency, purpose=purpose)
        for number, (payee, (minor, currency), purpose) in enumerate(some)
    )
)


@given(payouts)
def test_every_batch_is_as_the_schema_has_it(some: tuple[Payout, ...]) -> None:
    assert structure.faults(parsed(batch_of(*some))) == []


@given(payouts)
def test_lines_counts_and_sums_agree_to_the_last_unit(some: tuple[Payout, ...]) -> None:
    root = parsed(batch_of(*some))
    written = structure.amounts(root)
    assert Counter(
        (Fraction(text) * 10 ** MINOR_DIGITS[currency], currency) for text, currency in written
    ) == Counter((Fraction(each.amount_minor), each.currency) for each in some)
    whole, *blocks = structure.texts(root, "CtrlSum")
    assert Fraction(whole) == sum(Fraction(text) for text, _ in written)
    assert len(blocks) == len({each.currency for each in some})
    for block, currency in zip(blocks, sorted({each.currency for each in some}), strict=True):
        assert Fraction(block) == sum(Fraction(text) for text, each in written if each == currency)
    total, *counts = map(int, structure.texts(root, "NbOfTxs"))
    assert total == sum(counts) == len(some)


@given(payouts)
def test_ids_are_unique_and_short(some: tuple[Payout, ...]) -> None:
    root = parsed(batch_of(*some))
    for tag in ("EndToEndId", "InstrId", "PmtInfId", "MsgId"):
        found = structure.texts(root, tag)
        assert len(set(found)) == len(found)
        assert all(len(each) <= 35 for each in found)


@given(payouts, st.sampled_from(Encoding))
def test_the_csv_says_the_same(some: tuple[Payout, ...], encoding: Encoding) -> None:
    data = bank_csv.write(batch_of(*some), encoding=encoding)
    rows = list(csv.reader(io.StringIO(data.decode(encoding), newline="")))[1:]
    lines, sums = rows[: len(some)], rows[len(some) :]
    assert [row[0] for row in lines] == [each.id for each in some]
    assert [row[1] for row in lines] == [each.payee.name for each in some]
    for row in sums:
        assert Fraction(row[4]) == sum(Fraction(each[4]) for each in lines if each[5] == row[5])
        assert int(row[1]) == sum(each[5] == row[5] for each in lines)
    assert {row[5] for row in sums} == {each.currency for each in some}


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1, "CNY", "0.01"),
        (5_200, "CNY", "52.00"),
        (TOTAL_MINOR_MAX, "CNY", "100000000000.00"),
        (300, "JPY", "300"),
        (1_250, "KWD", "1.250"),
    ],
)
def test_amounts_are_written_with_the_decimals_of_their_currency(
    minor: int, currency: str, text: str
) -> None:
    payout = replace(PAYOUT, amount_minor=minor, currency=currency)
    assert structure.amounts(parsed(batch_of(payout))) == [(text, currency)]
    assert amount_of((payout,)) == text


def test_the_same_batch_is_the_same_file() -> None:
    assert pain001.write(BATCH) == pain001.write(replace(BATCH))
    assert bank_csv.write(BATCH) == bank_csv.write(replace(BATCH))
    assert pain001.write(BATCH).startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns=')


def test_what_is_written_is_who_pays_whom_from_where() -> None:
    root = parsed(BATCH)
    assert structure.texts(root, "CreDtTm") == ["2026-11-26T08:30:00Z"]
    assert structure.texts(root, "Dt") == ["2026-11-27"]
    assert structure.texts(root, "Nm") == [PAYER.name, PAYER.name, PAYEE.name]
    assert structure.texts(root, "MmbId") == [PAYER.cnaps, PAYEE.cnaps]
    assert structure.texts(root, "Ustrd") == ["苹果货款"]


def test_words_that_look_like_tags_stay_words() -> None:
    odd = replace(PAYOUT, purpose="</Ustrd><Amt>&lol;", payee=replace(PAYEE, name="A & B <合作社>"))
    root = parsed(batch_of(odd))
    assert structure.faults(root) == []
    assert structure.texts(root, "Ustrd") == ["</Ustrd><Amt>&lol;"]
    assert structure.texts(root, "Nm")[-1] == "A & B <合作社>"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"id": ""}, "id"),
        ({"id": "x" * 36}, "id"),
        ({"id": "付款1"}, "id"),
        ({"id": "/P1"}, "id"),
        ({"id": "=P1"}, "id"),
        ({"amount_minor": 0}, "amount"),
        ({"amount_minor": -1}, "amount"),
        ({"amount_minor": True}, "amount"),
        ({"amount_minor": TOTAL_MINOR_MAX + 1}, "amount"),
        ({"currency": "XAU"}, "currency"),
        ({"purpose": "x" * 141}, "purpose"),
        ({"purpose": "=1+1"}, "purpose"),
        ({"purpose": "two\nlines"}, "purpose"),
        ({"purpose": "turned\u202e"}, "purpose"),
        ({"payee": replace(PAYEE, name=" ")}, "name"),
        ({"payee": replace(PAYEE, name="x" * 141)}, "name"),
        ({"payee": replace(PAYEE, name="@SUM(A1)")}, "name"),
        ({"payee": replace(PAYEE, number="")}, "account"),
        ({"payee": replace(PAYEE, number="6222 0200")}, "account"),
        ({"payee": replace(PAYEE, number="1" * 35)}, "account"),
        ({"payee": replace(PAYEE, iban="DE89370400440532013000")}, "account"),
        ({"payee": Account(name="x", iban="DE89370400440532013001")}, "account"),
        ({"payee": replace(PAYEE, cnaps="123")}, "bank"),
        ({"payee": replace(PAYEE, bic="ICBKCNBJ")}, "bank"),
        ({"payee": replace(PAYEE, cnaps="", bic="icbkcnbj")}, "bank"),
    ],
)
def test_what_a_bank_would_not_take_is_named_and_nothing_is_written(changes: dict, fault: str) -> None:
    bad = replace(PAYOUT, **{"id": "P-2", **changes})
    assert faults(batch_of(PAYOUT, bad)) == [(bad.id, fault)]
    for write in (pain001.write, bank_csv.write):
        with pytest.raises(BatchRefused):
            write(batch_of(PAYOUT, bad))


def test_all_faults_are_told_at_once() -> None:
    found = faults(batch_of(PAYOUT, replace(PAYOUT, amount_minor=0), payer=replace(PAYER, name="")))
    assert found == [(BATCH.id, "name"), ("P-1", "id_twice"), ("P-1", "id_twice"), ("P-1", "amount")]
    assert faults(batch_of()) == [(BATCH.id, "empty")]
    assert faults(batch_of(PAYOUT, id="x" * 32)) == [("x" * 32, "id")]
    many = tuple(replace(PAYOUT, id=f"P{number}") for number in range(batches.PAYOUTS_MAX + 1))
    assert faults(batch_of(*many)) == [(BATCH.id, "too_many")]


def test_abroad_only_plain_letters_are_taken() -> None:
    latin = Account(name="Yijun Fruit Platform", number="6100123456789", bic="ICBKCNBJ")
    plain = replace(PAYOUT, payee=replace(latin, name="Cooperative (1), Yijun"), purpose="apples")
    batches.check(batch_of(plain, payer=latin, charset=Charset.LATIN))
    assert faults(batch_of(replace(plain, purpose="苹果"), payer=latin, charset=Charset.LATIN)) == [
        ("P-1", "purpose")
    ]
    assert faults(batch_of(plain, payer=replace(latin, name="宜君"), charset=Charset.LATIN)) == [
        (BATCH.id, "name")
    ]


@pytest.mark.parametrize(
    "text", ["DE89370400440532013000", "GB82WEST12345698765432", "AE070331234567890123456"]
)
def test_ibans_are_known_by_their_check_digits(text: str) -> None:
    assert is_iban(text)
    assert not is_iban(text[:-1] + str((int(text[-1]) + 1) % 10))
    assert not is_iban(text.lower())


def test_the_checker_finds_what_is_out_of_place() -> None:
    root = parsed(BATCH)
    block = next(root.iter(f"{structure.SPACE}PmtInf"))
    first = block[0]
    block.remove(first)
    block.append(first)
    assert len(structure.faults(root)) == 2
    next(root.iter(f"{structure.SPACE}InstdAmt")).text = "1.0000001"
    assert any("InstdAmt" in each for each in structure.faults(root))
