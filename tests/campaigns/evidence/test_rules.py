"""The words of a consent, the digest of evidence, and numbers as people read them."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.evidence import files, rules
from campaigns.evidence.counting import ASKED
from campaigns.evidence.rules import CONTENTS, Column, Content, Evidence, Kind, Table
from marketplace.language import Text
from tests.orders.settlements.test_pdf import text_of

NAME = Text(en="Redhill", zh="红山")
UNTIL = datetime(2027, 3, 1, tzinfo=UTC)
COLUMNS = (
    Column(name="month", label=Text(en="Month", zh="月份")),
    Column(name="boxes", label=Text(en="Boxes", zh="箱数"), kind=Kind.BOXES),
    Column(name="grams", label=Text(en="Kilograms", zh="千克"), kind=Kind.GRAMS),
    Column(name="minor", label=Text(en="Amount", zh="金额"), kind=Kind.MINOR),
    Column(name="currency", label=Text(en="Currency", zh="币种")),
)
TABLE = Table(
    content=Content.DELIVERIES,
    name="deliveries",
    title=Text(en="Boxes delivered", zh="已送达箱数"),
    columns=COLUMNS,
    rows=(("2026-11", 3, 15_000, 15_600, "CNY"), ("2026-11", 1, 5_000, 800, "JPY")),
)
EVIDENCE = Evidence(
    consent_id="c",
    consent_digest="sha256:0",
    cooperative_code="YJ01",
    cooperative=NAME,
    lender="县农商行",
    since=date(2026, 1, 1),
    made_at=datetime(2026, 11, 26, tzinfo=UTC),
    tables=(TABLE, replace(TABLE, name="none", rows=())),
)


def words(contents=("pledges", "income")):
    return rules.consent_text(
        code="YJ01",
        name=NAME,
        lender="{lender} & Söhne",
        contents=contents,
        since=date(2026, 1, 1),
        until=UNTIL,
    )


def test_the_words_name_who_what_and_until_when_in_both_languages():
    text = words()
    for said in (text.en, text.zh):
        assert "{lender} & Söhne" in said
        assert "2027-03-01T00:00:00Z" in said
        assert "2026-01-01" in said
    assert "boxes pledged to campaigns; settlements" in text.en
    assert "活动承诺货源；结算" in text.zh
    assert "sugar" not in text.en


def test_other_words_have_another_digest():
    assert rules.text_digest(words()) == rules.text_digest(words())
    assert rules.text_digest(words()) != rules.text_digest(words(("pledges",)))


def test_every_content_has_words_and_a_table():
    assert set(CONTENTS) == set(Content)
    assert {each.content for each in ASKED} == set(Content)
    assert len({each.name for each in ASKED}) == len(ASKED)


@given(st.integers(0, 4), st.integers(0, 10**6))
def test_the_digest_is_over_every_cell(column, more):
    row = list(TABLE.rows[0])
    row[column] = f"{row[column]}x" if isinstance(row[column], str) else row[column] + more + 1
    other = replace(EVIDENCE, tables=(replace(TABLE, rows=(tuple(row), TABLE.rows[1])),))
    assert other.to_json()["digest"] != EVIDENCE.to_json()["digest"]


def test_who_holds_the_file_makes_the_digest_again():
    told = EVIDENCE.to_json()
    assert rules.digest(told) == told["digest"]
    assert rules.digest({**told, "lender": "another"}) != told["digest"]


def test_numbers_are_read_in_kilograms_and_in_units_of_their_currency():
    assert TABLE.told(TABLE.rows[0]) == ("2026-11", "3", "15.000", "156.00", "CNY")
    assert TABLE.told(TABLE.rows[1]) == ("2026-11", "1", "5.000", "800", "JPY")


@pytest.mark.parametrize(
    ("grams", "told"), [(-5, "-0.005"), (0, "0.000"), (1_234_567, "1234.567"), (None, "")]
)
def test_grams_lose_nothing(grams, told):
    only = replace(TABLE, columns=(COLUMNS[2],), rows=((grams,),))
    assert only.told(only.rows[0]) == (told,)


def test_the_csv_has_each_table_with_its_columns_and_says_where_nothing_was_counted():
    text = files.csv_of(EVIDENCE).decode("utf-8-sig")
    assert (
        "已送达箱数 Boxes delivered\r\n月份 Month,箱数 Boxes,千克 Kilograms,金额 Amount,币种 Currency\r\n"
        in text
    )
    assert "2026-11,3,15.000,156.00,CNY\r\n" in text
    assert EVIDENCE.to_json()["digest"] in text
    assert text.count("已送达箱数") == 2


def test_the_pdf_prints_and_is_the_same_for_the_same_evidence():
    data = files.pdf_of(EVIDENCE)
    assert data.startswith(b"%PDF-")
    assert data == files.pdf_of(EVIDENCE)
    told = "\n".join(text_of(data))
    for said in ("供贷款机构查阅的经营材料", "县农商行", "已送达箱数", "15.000", "156.00", "无记录。"):
        assert said in told
    assert EVIDENCE.to_json()["digest"] in told.replace("\n", "")
