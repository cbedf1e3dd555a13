"""Statements and sheets as PDF: what can be read in them, that they print anywhere, and nothing lost in silence.

The text is read back by the glyphs: through the map from glyph to character that each embedded font carries.
"""

import re
import subprocess
import sys
import zlib

import pytest

pytest.importorskip("fpdf", reason="fpdf2 is not among the locked requirements yet")
pytest.importorskip("pylopdf_fonts_zh_cn", reason="the Chinese font is not among the locked requirements yet")

from dataclasses import replace

from marketplace.language import Text
from orders.settlements import pay_sheet_pdf, statement_pdf
from orders.settlements.account import Account
from orders.settlements.pay_sheet import Grower, sheet
from orders.settlements.rules import settle
from tests.orders.settlements.cases import delivery, facts
from tests.orders.settlements.test_statement_text import HEADING, example

EMPTY = Account(currency="CNY")


def streams(data):
    found = []
    for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL):
        try:
            found.append(zlib.decompress(part))
        except zlib.error:
            found.append(part)
    return found


def text_of(data):
    """All characters that are shown, without regard of place, line by line as they were written."""
    parts = streams(data)
    glyphs = {}
    for part in parts:
        if b"beginbfchar" in part:
            for code, character in re.findall(rb"<([0-9A-Fa-f]+)> ?<([0-9A-Fa-f]+)>", part):
                glyphs[int(code, 16)] = bytes.fromhex(character.decode()).decode("utf-16-be")
    assert glyphs, "the font has no map back to characters"
    lines = []
    for part in parts:
        if b" Tj" in part or b" TJ" in part:
            for shown in re.findall(rb"\((.*?)(?<!\\)\) ?Tj", part, re.DOTALL):
                raw = re.sub(rb"\\([\\()])", rb"\1", shown.replace(rb"\r", b"\r").replace(rb"\n", b"\n"))
                codes = [int.from_bytes(raw[n : n + 2], "big") for n in range(0, len(raw), 2)]
                lines.append("".join(glyphs.get(code, "?") for code in codes))
    return lines


def test_a_statement_can_be_read_in_both_languages():
    data = statement_pdf.pdf_of(example(), HEADING)
    text = "\n".join(text_of(data))

    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    for told in (
        "结算单 Settlement statement",
        "YJ01 红旗苹果专业合作社",
        "104.00 × 400 / 10000 = 4.16",
        "应付金额",
        "94.85",
    ):
        assert told in text, text


def test_its_font_is_embedded_and_only_as_much_of_it_as_is_used():
    data = statement_pdf.pdf_of(example(), HEADING)

    assert re.search(rb"/FontFile[23]? ", data)
    assert b"NotoSansSC" in data
    assert len(data) < 60_000


def test_the_same_statement_gives_the_same_bytes_in_any_process():
    code = (
        "import hashlib; from tests.orders.settlements.test_pdf import *;"
        "print(hashlib.sha256(statement_pdf.pdf_of(example(), HEADING)).hexdigest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_a_character_without_a_glyph_is_named():
    heading = replace(HEADING, cooperative=Text(en="Hongqi", zh="红旗\U000216ff苹果合作社"))
    text = "\n".join(text_of(statement_pdf.pdf_of(example(), heading)))

    assert "红旗〓苹果合作社" in text
    assert "U+216FF" in text
    assert "U+" not in "\n".join(text_of(statement_pdf.pdf_of(example(), HEADING)))


def test_names_in_rare_characters_have_their_glyphs():
    heading = replace(HEADING, cooperative=Text(en="x", zh="䶮㛃垚堃喆玥淼犇骉鑫燚翀婳彧曌昊𫖯𬭎"))
    text = "\n".join(text_of(statement_pdf.pdf_of(example(), heading)))

    assert "䶮㛃垚堃喆玥淼犇骉鑫燚翀婳彧曌昊𫖯𬭎" in text
    assert "〓" not in text


def test_a_long_statement_goes_over_pages_with_its_heads_and_numbers():
    told = facts(*(delivery(1, 1_000 + n) for n in range(120)), permille=50)
    statement = settle(told, EMPTY)
    data = statement_pdf.pdf_of(statement, HEADING)
    lines = text_of(data)

    pages = len(re.findall(rb"/Type /Page\b", data))
    assert pages > 2
    assert lines.count("计算") == pages
    assert any(line.endswith(f"{pages} / ") for line in lines)
    assert "11.19" in lines


def test_a_sheet_has_a_row_for_each_grower_and_a_place_to_sign():
    statement = settle(facts(delivery(3)), EMPTY)
    growers = [
        Grower(id="1", name="李家", brought=(delivery(2),)),
        Grower(id="2", name="王家", brought=(delivery(1),)),
    ]
    lines = text_of(pay_sheet_pdf.pdf_of(sheet(statement, growers, kept_minor=976), HEADING))

    for told in ("社员发放表 Pay sheet", "1 李家", "2 王家", "93.33", "46.67", "9.76", "149.76", "签字"):
        assert any(told in line for line in lines), lines
