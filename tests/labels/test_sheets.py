"""Sheets of labels: what stands on them, on which papers, and who may take them."""

import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any

import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import select

from inventory.labels import serial_rules, serials
from inventory.labels.sheets import codes, pdf, zpl
from inventory.labels.sheets.faces import GRIDS, Face, Paper
from inventory.labels.sheets.zpl import Dots
from marketplace import database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from tests.builders import assert_refused
from tests.house import Caller
from tests.labels.grove import GTIN, Grove

AsRole = Callable[..., Caller]
DAY = date(2026, 11, 27)
FACE = Face(
    base="https://id.example.org",
    area_en="Yijun Apples",
    area_zh="宜君苹果",
    season=2026,
    gtin=GTIN,
    net_grams=5_000,
)
SERIALS = [f"7QK3M9XW4T{number:02}" for number in range(50)]


def pages(data: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", data))


def rectangles(data: bytes) -> int:
    """Dark runs that are drawn on all pages."""
    found = 0
    for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL):
        try:
            found += len(re.findall(rb" re f\b", zlib.decompress(part)))
        except zlib.error:
            continue
    return found


def unescaped(field: str) -> str:
    return re.sub(r"(?:_[0-9A-F]{2})+", lambda hit: bytes.fromhex(hit[0].replace("_", "")).decode(), field)


def test_the_code_says_the_box_s_link() -> None:
    """Read by another library than the one that makes it."""
    link = FACE.link("7QK3M9XW4TPN")
    assert link == f"https://id.example.org/01/{GTIN}/21/7QK3M9XW4TPN"
    square = codes.modules(link)
    assert len(square) <= 41, "small enough for a sticker"
    image = Image.new("L", ((len(square) + 8) * 4,) * 2, 255)
    for y, row in enumerate(square):
        for x, is_dark in enumerate(row):
            if is_dark:
                image.paste(0, ((x + 4) * 4, (y + 4) * 4, (x + 5) * 4, (y + 5) * 4))
    [read] = zxingcpp.read_barcodes(image)
    assert read.text == link


@pytest.mark.parametrize("paper", list(Paper))
def test_every_label_has_its_place(paper: Paper) -> None:
    grid = GRIDS[paper]
    data = pdf.pdf_of(FACE, SERIALS, grid, day=DAY)
    assert data.startswith(b"%PDF-")
    assert pages(data) == -(-len(SERIALS) // grid.per_page)
    runs = sum(
        sum(1 for at, module in enumerate(row) if module and not (at and row[at - 1]))
        for serial in SERIALS
        for row in codes.modules(FACE.link(serial))
    )
    assert rectangles(data) == runs, "each code is drawn, module by module"
    assert data == pdf.pdf_of(FACE, SERIALS, grid, day=DAY)


@pytest.mark.parametrize("paper", list(Paper))
def test_stickers_lie_on_their_page_and_beside_each_other(paper: Paper) -> None:
    grid = GRIDS[paper]
    corners = [grid.corner(place) for place in range(grid.per_page)]
    assert len(set(corners)) == grid.per_page
    for left, top in corners:
        assert 0 <= left <= grid.page_width - grid.width
        assert 0 <= top <= grid.page_height - grid.height
    for one, other in pairwise(corners):
        apart = abs(one[0] - other[0]) >= grid.width or abs(one[1] - other[1]) >= grid.height
        assert apart


def test_a_printer_is_sent_one_format_for_each_label() -> None:
    told = zpl.zpl_of(FACE, SERIALS[:3], Dots.DPI_203)
    formats = re.findall(r"\^XA\^CI28.*?\^XZ", told)
    assert len(formats) == 3
    for serial, each in zip(SERIALS, formats, strict=False):
        [code] = re.findall(r"\^BQN,2,\d+\^FH\^FDMA,(.*?)\^FS", each)
        assert unescaped(code) == FACE.link(serial)
        assert serial_rules.grouped(serial) in each
    assert told.startswith("~DGR:AREA.GRF,")
    assert "宜" not in told, "Chinese is a picture"


def test_the_chinese_name_is_a_picture_that_fits() -> None:
    picture = zpl.drawn("宜君苹果", height=48, width=400)
    assert len(picture.data) == picture.row_bytes * 48
    ink = sum(each.bit_count() for each in picture.data)
    assert 200 < ink < 48 * 400 // 2
    narrow = zpl.drawn("宜君苹果" * 10, height=48, width=200)
    assert narrow.row_bytes <= 26


@given(st.text(max_size=60))
def test_no_name_commands_a_printer(name: str) -> None:
    """Whatever a name holds, a printer reads it as the text that it is."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    told = zpl.escaped(name)
    assert not set("^~\n\r\\") & set(told)
    assert unescaped(told) == name


def take(caller: Caller, batch_id: Any, **body: Any) -> Any:
    return caller.post(f"/v1/label-batches/{batch_id}/sheets", json=body)


def test_a_batch_is_taken_sheet_by_sheet_and_that_is_written_down(grove: Grove, as_role: AsRole) -> None:
    grove.plot()
    grove.apples(1_000_000)
    batch = grove.printed(30)
    operator = as_role(Role.OPERATOR)
    first = take(operator, batch.id, count=21)
    assert (first.status_code, first.mimetype) == (200, "application/pdf")
    assert first.headers["Labels-Left"] == "9"
    assert pages(first.data) == 1
    last = first.headers["Labels-Last"]
    assert last == grove.serials(batch)[20]
    rest = take(operator, batch.id, after=last, paper="zpl-300")
    assert rest.mimetype == "application/zpl"
    assert rest.get_data(as_text=True).count("^BQN") == 9
    assert rest.headers["Labels-Left"] == "0"
    with database.reading() as session:
        rows = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "label_batch.take_sheet").order_by(AuditEntry.id)
        ).all()
        assert [each.after["labels"] for each in rows] == [21, 9]
        assert {each.subject_id for each in rows} == {str(batch.id)}
    refused = take(operator, batch.id, after=rest.headers["Labels-Last"])
    assert_refused(refused, 409, "nothing_to_print")


def test_labels_that_were_put_on_boxes_meanwhile_hide_no_others(grove: Grove, as_role: AsRole) -> None:
    grove.plot()
    apples = grove.apples(1_000_000)
    found = grove.issued(6)
    batch_id = grove.label(found[0]).batch_id
    operator = as_role(Role.OPERATOR)
    first = take(operator, batch_id, count=3, paper="zpl-203")
    grove.do(serials.bind, serials=found[:3], lot_id=apples.id)
    rest = take(operator, batch_id, after=first.headers["Labels-Last"], paper="zpl-203")
    told = rest.get_data(as_text=True)
    assert all(serial in told for serial in found[3:])


@pytest.mark.parametrize("name", ["Yijun", "Yijun " * 33, "宜君" * 100, "W" * 200, "…", ""])
def test_long_names_stay_on_their_sticker(name: str) -> None:
    """On paper, and on the printer."""
    empty = pdf.document((21_000, 29_700))
    shown = pdf.fitted(empty, name, 3_175, 9)
    assert empty.get_string_width(shown) * 100 <= 3_175
    empty.output()  # closes its font
    assert shown == name or (shown.endswith("…") and len(shown) > 5)
    told = zpl.zpl_of(replace(FACE, area_en=name), SERIALS[:1], Dots.DPI_203)
    assert all(len(unescaped(each)) <= 25 for each in re.findall(r"\^A0N,\d+\^FH\^FD(.*?)\^FS", told))


def test_labels_on_boxes_and_void_ones_are_not_printed_again(grove: Grove, as_role: AsRole) -> None:
    grove.plot()
    apples = grove.apples(1_000_000)
    found = grove.issued(5)
    grove.do(serials.bind, serials=found[:2], lot_id=apples.id)
    grove.do(serials.void, serials=found[2:3], reason="torn")
    batch_id = grove.label(found[0]).batch_id
    told = take(as_role(Role.OPERATOR), batch_id, paper="zpl-203").get_data(as_text=True)
    for serial in found:
        assert (serial in told) == (serial in found[3:])


def test_a_cooperative_takes_its_own(grove: Grove, as_role: AsRole) -> None:
    grove.plot()
    grove.apples(1_000_000)
    batch = grove.printed(2)
    own, other = (
        as_role(Role.COOPERATIVE, cooperative_ids=(each,)) for each in grove.market.cooperative_ids[:2]
    )
    assert take(own, batch.id).status_code == 200
    assert_refused(take(other, batch.id), 404, "label_batch_not_found")


@pytest.mark.parametrize(
    "body", [{"paper": "a5"}, {"after": "*"}, {"count": 251}, {"count": 0}, {"after": 1}, {"sheet": 1}]
)
def test_what_no_sheet_is_is_refused(grove: Grove, as_role: AsRole, body: dict[str, Any]) -> None:
    grove.plot()
    grove.apples(1_000_000)
    batch = grove.printed(2)
    assert take(as_role(Role.OPERATOR), batch.id, **body).status_code == 422
