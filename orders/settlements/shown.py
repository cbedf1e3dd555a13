"""A settlement as people read it: its heading, and the page, the table and the paper that are made of its rows."""

from typing import Final

from flask import Response
from sqlalchemy.orm import Session

from marketplace import pages
from marketplace.catalogue.models import Cooperative
from marketplace.language import Language, Text
from orders.settlements import journal, statement_csv, statement_pdf
from orders.settlements.models import Settlement
from orders.settlements.statement_text import COLUMNS, TITLE, Heading, heads, rows
from orders.settlements.states import SettlementState

STATES: Final[dict[SettlementState, Text]] = {
    SettlementState.DRAFT: Text(en="Draft", zh="草稿"),
    SettlementState.PROPOSED: Text(en="To be read: objections are open", zh="待核对：可提出异议"),
    SettlementState.OBJECTED: Text(en="Objected to: being looked at", zh="已提异议：处理中"),
    SettlementState.FINAL: Text(en="Final, to be paid", zh="已定案，待付款"),
    SettlementState.PAID: Text(en="Paid", zh="已付清"),
}


def heading_of(session: Session, settlement: Settlement) -> Heading:
    cooperative = session.get_one(Cooperative, settlement.cooperative_id)
    until = settlement.objections_until
    return Heading(
        number=settlement.number,
        campaign=Text(en=settlement.campaign_en, zh=settlement.campaign_zh),
        cooperative_code=cooperative.code,
        cooperative=Text(en=cooperative.name_en, zh=cooperative.name_zh),
        settled_on=journal.facts_of(settlement).settled_on,
        objections_until=None if until is None else until.date(),
    )


def page(settlement: Settlement, heading: Heading, language: Language) -> Response:
    statement = journal.statement_of(settlement)
    return pages.page(
        "settlements/statement.html",
        language,
        settlement=settlement,
        title=TITLE,
        state=STATES[SettlementState(settlement.state)],
        heads=heads(heading, settlement.currency)[1:],
        columns=COLUMNS,
        rows=rows(statement),
    )


def table(settlement: Settlement, heading: Heading) -> Response:
    data = statement_csv.csv_of(journal.statement_of(settlement), heading)
    return _file(data, "text/csv; charset=utf-8", f"{settlement.number}.csv")


def paper(settlement: Settlement, heading: Heading) -> Response:
    data = statement_pdf.pdf_of(journal.statement_of(settlement), heading)
    return _file(data, "application/pdf", f"{settlement.number}.pdf")


def _file(data: bytes, content_type: str, name: str) -> Response:
    response = Response(data, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
