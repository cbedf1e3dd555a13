"""The sheet that a cooperative pays its growers from, as a PDF with room for a signature beside each name."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from marketplace.language import Text
from marketplace.pdf_page import Page
from marketplace.values import amount_text
from orders.settlements.pay_sheet import Sheet
from orders.settlements.statement_text import Heading, heads

TITLE: Final = Text(en="Pay sheet", zh="社员发放表")
COLUMNS: Final = (
    Text(en="Grower", zh="果农"),
    Text(en="Boxes", zh="箱数"),
    Text(en="How", zh="计算"),
    Text(en="Amount", zh="金额"),
    Text(en="Signature", zh="签字"),
)
KEPT: Final = Text(en="Kept by the cooperative", zh="合作社留存")
TOTAL: Final = Text(en="Total", zh="合计")
_WIDTHS: Final = (40, 16, 64, 28, 34)
_ALIGN: Final = ("LEFT", "RIGHT", "LEFT", "RIGHT", "LEFT")


def pdf_of(made: Sheet, heading: Heading, *, font: Path | None = None) -> bytes:
    """One row for each grower; last what the cooperative keeps, and the sum."""
    page = Page(title=TITLE, number=heading.number, day=heading.settled_on, font=font)
    for name, value in heads(replace(heading, objections_until=None), made.currency):
        page.head(name, value)
    told: list[tuple[tuple[Text | str, ...], bool]] = [
        (
            (
                f"{each.grower.id} {each.grower.name}",
                str(each.grower.boxes),
                each.formula.text(made.currency),
                amount_text(each.amount_minor, made.currency),
                "",
            ),
            False,
        )
        for each in made.pays
    ]
    if made.kept_minor:
        told.append(((KEPT, "", "", amount_text(made.kept_minor, made.currency), ""), False))
    boxes = sum(each.grower.boxes for each in made.pays)
    total = amount_text(made.payout_minor, made.currency)
    told.append(((TOTAL, str(boxes), "", total, ""), True))
    page.table(COLUMNS, told, widths=_WIDTHS, align=_ALIGN)
    return page.bytes()
