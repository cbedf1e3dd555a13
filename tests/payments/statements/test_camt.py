"""camt.053: entries and their transactions are read in both forms; nothing is declared, fetched or expanded."""

from datetime import date

import pytest

from marketplace.payments.statements import camt
from marketplace.payments.statements.lines import StatementRefused
from tests.payments.statements import files
from tests.payments.statements.files import camt_entry

BOMB = '<!DOCTYPE lol [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>\n'
FOREIGN = '<!DOCTYPE x SYSTEM "file:///etc/passwd">\n'


def read(*entries: str, **options):
    return camt.read(files.camt(*entries, **options))


def refusal(data: bytes) -> str:
    with pytest.raises(StatementRefused) as refused:
        camt.read(data)
    [found] = refused.value.facts["errors"]
    assert found["line"] >= 1
    return found["fault"]


def test_an_entry_is_read_with_all_it_says() -> None:
    [entry] = read(camt_entry("K1", amount="52.5", words=("ABCD2345", "XY for apples"))).entries
    assert (entry.key, entry.direction, entry.amount_minor, entry.currency) == ("K1", "credit", 5_250, "CNY")
    assert (entry.booked_on, entry.remittance) == (date(2026, 11, 20), "ABCD2345 XY for apples")
    assert (entry.counterparty_name, entry.counterparty_account) == ("李四", "6222020000001234")
    assert entry.line == 4


def test_the_older_form_is_read_as_well() -> None:
    details = (
        "<TxDtls><Refs><EndToEndId>ABCD2345XY</EndToEndId></Refs><RltdPties><Dbtr><Nm>李四</Nm></Dbtr>"
        "<DbtrAcct><Id><IBAN>DE02120300000000202051</IBAN></Id></DbtrAcct></RltdPties></TxDtls>"
    )
    data = files.camt(
        camt_entry(
            "K1",
            status="<Sts>BOOK</Sts>",
            details=details,
            day="<BookgDt><DtTm>2026-11-20T08:00:00+08:00</DtTm></BookgDt>",
        ),
        namespace="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02",
    )
    [entry] = camt.read(data).entries
    assert (entry.remittance, entry.counterparty_name) == ("ABCD2345XY", "李四")
    assert entry.counterparty_account == "DE02120300000000202051"
    assert entry.booked_on == date(2026, 11, 20)


def test_money_that_went_out_names_who_got_it() -> None:
    details = "<TxDtls><RltdPties><Cdtr><Pty><Nm>电力公司</Nm></Pty></Cdtr></RltdPties></TxDtls>"
    [entry] = read(camt_entry("K1", direction="DBIT", details=details)).entries
    assert (entry.direction, entry.counterparty_name) == ("debit", "电力公司")


def test_a_reversal_is_known_as_one() -> None:
    [entry] = read(camt_entry("K1", reversal="<RvslInd>true</RvslInd>")).entries
    assert entry.is_reversal


@pytest.mark.parametrize(
    ("amount", "currency", "minor"), [("52.00000", "CNY", 5_200), ("300", "JPY", 300), ("1.25", "KWD", 1_250)]
)
def test_amounts_are_exact_in_their_currency(amount: str, currency: str, minor: int) -> None:
    [entry] = read(camt_entry("K1", amount=amount, currency=currency)).entries
    assert entry.amount_minor == minor


def bundle(*parts: tuple[str, str, str]) -> str:
    """Transactions of one entry: own number, amount, words."""
    return "".join(
        f"<TxDtls><Refs>{f'<AcctSvcrRef>{key}</AcctSvcrRef>' if key else ''}</Refs>"
        f'<Amt Ccy="CNY">{amount}</Amt><RmtInf><Ustrd>{words}</Ustrd></RmtInf></TxDtls>'
        for key, amount, words in parts
    )


def test_the_transactions_of_a_bundle_are_entries_of_their_own() -> None:
    found = read(
        camt_entry("K1", amount="52.00", details=bundle(("", "50", "one"), ("", "2", "two")))
    ).entries
    assert [(each.key, each.amount_minor, each.remittance) for each in found] == [
        ("K1/1", 5_000, "one"),
        ("K1/2", 200, "two"),
    ]
    found = read(camt_entry("K1", details=bundle(("T1", "50", "one"), ("T2", "2", "two")))).entries
    assert [each.key for each in found] == ["T1", "T2"]
    found = read(camt_entry("K1", details=bundle(("T1", "26", ""), ("T1", "26", "")))).entries
    assert [each.key for each in found] == ["K1/1", "K1/2"]


def test_a_bundle_that_does_not_add_up_is_one_bad_line() -> None:
    reading = read(camt_entry("K1", details=bundle(("", "50", ""), ("", "3", ""))), camt_entry("K2"))
    assert [each.key for each in reading.entries] == ["K2"]
    assert [(bad.cell, bad.fault) for bad in reading.bad] == [("Ntry", "parts_differ")]


@pytest.mark.parametrize(
    ("changes", "cell", "fault"),
    [
        ({"key": ""}, "", "key_missing"),
        ({"amount": "-5"}, "Amt", "amount_negative"),
        ({"amount": "1,000"}, "Amt", "amount_separated"),
        ({"amount": "1.005"}, "Amt", "amount_decimals"),
        ({"currency": "XAU"}, "Ccy", "currency_unknown"),
        ({"direction": "IN"}, "CdtDbtInd", "direction_unknown"),
        ({"status": "<Sts><Cd>PDNG</Cd></Sts>"}, "Sts", "not_booked_yet"),
        ({"day": ""}, "BookgDt", "day_unreadable"),
        ({"day": "<BookgDt><Dt>2026-02-30</Dt></BookgDt>"}, "BookgDt", "day_unreadable"),
        ({"words": ("x" * 2_001,)}, "", "text_too_long"),
    ],
)
def test_a_bad_entry_is_named_by_its_line_and_the_others_are_read(changes, cell, fault) -> None:
    reading = read(camt_entry("K1"), camt_entry(**{"key": "K2", **changes}), camt_entry("K3"))
    assert [each.key for each in reading.entries] == ["K1", "K3"]
    assert [(bad.line, bad.cell, bad.fault) for bad in reading.bad] == [(5, cell, fault)]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "empty"),
        (b"entry_key,amount\n", "not_xml"),
        (files.camt(camt_entry("K1"))[:-20], "not_xml"),
        (files.camt(camt_entry("K1")).replace(b"UTF-8", b"GB18030"), "not_xml"),
        (files.camt(camt_entry("K1")) + b"\0", "not_xml"),
        (files.camt(camt_entry("K1"), prologue=BOMB), "doctype"),
        (files.camt(camt_entry("K1"), prologue=FOREIGN), "doctype"),
        (b"<Document/>", "not_camt"),
        (files.camt(namespace="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"), "not_camt"),
        (files.camt(namespace="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08x"), "not_camt"),
        (f'<Document xmlns="{files.NAMESPACE}"/>'.encode(), "not_camt"),
        (files.camt(camt_entry("K1", details="<a>" * 40 + "</a>" * 40)), "too_deep"),
    ],
)
def test_a_file_that_is_no_such_statement_is_refused(data: bytes, fault: str) -> None:
    assert refusal(data) == fault


def test_an_undeclared_entity_is_no_xml() -> None:
    assert refusal(files.camt(camt_entry("K1", details="&xxe;"))) == "not_xml"


def test_one_file_is_of_one_account() -> None:
    one, other = (files.camt(camt_entry(key), account=key).decode() for key in ("K1", "K2"))
    statement = other[other.index("<Stmt>") : other.index("</BkToCstmrStmt>")]
    assert (
        refusal(one.replace("</BkToCstmrStmt>", f"{statement}</BkToCstmrStmt>").encode())
        == "several_accounts"
    )


def test_a_day_without_movement_is_a_statement() -> None:
    assert read().entries == []


def test_words_of_a_foreign_namespace_say_nothing() -> None:
    odd = camt_entry("K1").replace("<Ntry>", '<Ntry><RvslInd xmlns="urn:x">true</RvslInd>')
    [entry] = read(odd).entries
    assert not entry.is_reversal
