"""Reading and writing CSV text, without a database."""

import contextlib
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import fields

from marketplace import errors
from marketplace.catalogue import csv_import
from marketplace.catalogue.csv_table import (
    ROWS_MAX,
    Column,
    CsvRefused,
    cell,
    decode,
    guarded,
    parse,
    unguarded,
    write,
)
from marketplace.language import Text
from marketplace.settings import PROJECT_ROOT
from tests.thorough import many

ANYTHING = cell(fields.String(), Text(en="Anything.", zh="任意。"))
COLUMNS = (
    Column(name="code", read=csv_import.CODE, unique=True),
    Column(name="count", read=csv_import.whole(1, 9)),
    Column(name="note", read=ANYTHING, optional=True, unique=True),
)
CELLS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",))),
    st.text(alphabet="'=+-@\t\r\n\",;ab\ufeff\x00", max_size=8),
)


def faults(text, columns=COLUMNS):
    return [(fault.line, fault.column, fault.value) for fault in parse(text, columns).faults]


@settings(max_examples=many(400), deadline=None)
@given(CELLS)
def test_what_is_guarded_reads_back_as_it_was(text):
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@settings(max_examples=many(400), deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=6))
def test_every_table_reads_back_as_it_was_written(rows):
    columns = (
        Column(name="key", read=ANYTHING),
        Column(name="first", read=ANYTHING),
        Column(name="second", read=ANYTHING),
    )
    given_rows = [
        {"key": f"k{i}", "first": first, "second": second} for i, (first, second) in enumerate(rows)
    ]
    table = parse(decode(write(columns, given_rows).encode("utf-8-sig")), columns)
    assert table.faults == []
    assert [row.values for row in table.rows] == given_rows


@settings(max_examples=many(400), deadline=None)
@given(CELLS)
def test_no_text_makes_the_reader_fail(text):
    parse(text, COLUMNS)
    parse(f"code,count,note\r\n{text}", COLUMNS)


@settings(max_examples=many(400), deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail(data):
    with contextlib.suppress(CsvRefused):
        parse(decode(data), COLUMNS)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_endings_and_byte_order_marks_do_not_matter(ending, mark):
    table = parse(mark + ending.join(("count,code", "3,A", "4,B", "")), COLUMNS)
    assert [(row.line, row.values) for row in table.rows] == [
        (2, {"count": 3, "code": "A"}),
        (3, {"count": 4, "code": "B"}),
    ]
    assert table.faults == []


def test_unknown_missing_and_repeated_columns_are_all_named():
    assert faults("code,weight,code\nA,1,B\n") == [
        (1, "weight", "weight"),
        (1, "code", "code"),
        (1, "count", ""),
    ]
    assert faults("") == [(1, "code", ""), (1, "count", "")]


def test_a_heading_of_countless_columns_is_read_at_once():
    assert len(faults("code," * 200_000)) == 200_001


def test_an_optional_column_may_be_left_out_or_left_empty():
    assert "note" not in parse("code,count\nA,1\n", COLUMNS).rows[0].values
    assert parse("code,count,note\nA,1,\n", COLUMNS).rows[0].values["note"] is None


def test_every_bad_cell_is_named_with_its_line_and_value():
    text = 'code,count,note\nA,1,x\n"B C",0,y\n\nC,2.0,z\nD,３,w\nE,1,"two\nlines"\nF,+1,v\n'
    assert faults(text) == [
        (3, "code", "B C"),
        (3, "count", "0"),
        (5, "count", "2.0"),
        (6, "count", "３"),
        (9, "count", "+1"),
    ]


def test_lines_of_another_length_and_broken_quotes_are_named():
    assert faults("code,count,note\nA,1\n") == [(2, "", "")]
    assert faults('code,count,note\nA,1,x\nB,2,"open\n') == [(3, "", "")]
    assert faults('code,count,note\nA,1,"x"y\n') == [(2, "", "")]


def test_a_cell_of_more_than_the_reader_holds_is_a_fault():
    assert faults(f"code,count,note\nA,1,{'x' * 200_000}\n") == [(2, "", "")]


def test_codes_that_stand_twice_are_named_with_the_first_line():
    table = parse("code,count,note\nA,1,\nB,1,n\nA,2,n\n", COLUMNS)
    assert [(fault.line, fault.column, fault.reason.en) for fault in table.faults] == [
        (4, "code", "Line 2 has the same."),
        (4, "note", "Line 3 has the same."),
    ]


def test_rows_beyond_the_limit_are_refused():
    rows = "".join(f"K{i},1\n" for i in range(ROWS_MAX + 1))
    assert faults(f"code,count\n{rows}") == [(ROWS_MAX + 2, "", "")]
    bad = "".join(f"K{i},0\n" for i in range(ROWS_MAX + 1))
    assert len(faults(f"code,count\n{bad}")) == ROWS_MAX + 1


def test_bytes_that_are_not_utf_8_are_refused_with_their_line():
    with pytest.raises(CsvRefused) as caught:
        decode("code,name\nA,苹果\n".encode("gb18030"))
    assert caught.value.facts["errors"][0]["line"] == 2


@pytest.mark.parametrize("bad", ["a\x00b", "a\u202eb", "a\nb", "", "   ", "x" * 201])
def test_names_hold_no_control_characters_and_are_not_empty(bad):
    with pytest.raises(errors.Invalid) as caught:
        csv_import.line(200)(bad)
    assert "200" in caught.value.detail.zh


def test_the_made_up_roster_is_readable():
    path = PROJECT_ROOT / "campaigns" / "demo_data" / "made_up_yijun" / "cooperatives.csv"
    table = parse(decode(path.read_bytes()), csv_import.COOPERATIVE_COLUMNS)
    assert table.faults == []
    assert len(table.rows) == len(path.read_text().splitlines()) - 1


def test_what_is_written_has_a_heading_and_crlf():
    text = write(
        COLUMNS, [{"code": "A", "count": 1, "note": None}, {"code": "B", "count": 2, "note": "=1+1"}]
    )
    assert text == "code,count,note\r\nA,1,\r\nB,2,'=1+1\r\n"
    assert list(csv.reader(io.StringIO(text)))[2] == ["B", "2", "'=1+1"]
