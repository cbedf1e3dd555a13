"""Import and export of the catalogue as CSV: whole files, all or nothing; docs/csv.md tells the columns.

Rows are matched by code: new codes are created, known ones edited. Every row is checked before any is written,
against its columns and against what is stored; CsvRefused lists all that is wrong.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import audit, database
from marketplace.catalogue import cooperatives, counties, edits, gs1, products
from marketplace.catalogue.csv_table import (
    Column,
    CsvRefused,
    Fault,
    Read,
    Row,
    Table,
    cell,
    decode,
    parse,
    write,
)
from marketplace.catalogue.models import Cooperative, Pack, Product
from marketplace.context import Context
from marketplace.fields import CURRENCIES, Code, Currency, Line, Whole
from marketplace.language import Text
from marketplace.values import UNIT_PRICE_MINOR_MAX

__all__ = (
    "COOPERATIVE_COLUMNS",
    "PACK_COLUMNS",
    "PRODUCT_COLUMNS",
    "Column",
    "CsvRefused",
    "Report",
    "decode",
    "line",
    "parse",
    "read_cooperatives",
    "read_packs",
    "read_products",
    "whole",
    "write_cooperatives",
    "write_packs",
    "write_products",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an import did with how many rows."""

    rows: int
    created: int
    updated: int
    unchanged: int


def line(high: int) -> Read:
    """A cell with one line of text."""
    return cell(
        Line(high=high),
        Text(
            en=f"Must be one line of 1 to {high} characters, no control characters.",
            zh=f"须为 1 至 {high} 个字符的单行文本，不含控制字符。",
        ),
    )


def whole(low: int, high: int) -> Read:
    """A cell with a whole number in plain digits."""
    return cell(
        Whole(low=low, high=high, in_query=True),
        Text(
            en=f"Must be a whole number from {low} to {high}, in plain digits.",
            zh=f"须为 {low} 至 {high} 的整数，只用数字书写。",
        ),
    )


CODE: Final = cell(
    Code(),
    Text(
        en="Must be 1 to 40 letters, digits, '.', '-' or '_', beginning with a letter or digit.",
        zh="须为 1 至 40 个字母、数字、“.”、“-”或“_”，以字母或数字开头。",
    ),
)
CURRENCY: Final = cell(
    Currency(),
    Text(en=f"Must be one of {', '.join(CURRENCIES)}.", zh=f"须为以下之一：{'、'.join(CURRENCIES)}。"),
)

COOPERATIVE_COLUMNS: Final = (
    Column(name="code", read=CODE, unique=True),
    Column(name="name_zh", read=line(200)),
    Column(name="name_en", read=line(200)),
    Column(name="township_zh", read=line(200)),
    Column(name="township_en", read=line(200)),
    Column(name="member_households", read=whole(1, 1_000_000)),
    Column(name="members", read=whole(1, 10_000_000)),
    Column(name="gln", read=gs1.read_gln, optional=True, unique=True),
)
PRODUCT_COLUMNS: Final = (
    Column(name="code", read=CODE, unique=True),
    Column(name="variety", read=line(60)),
    Column(name="grade", read=line(20)),
    Column(name="size", read=line(20), optional=True),
    Column(name="name_zh", read=line(200)),
    Column(name="name_en", read=line(200)),
)
PACK_COLUMNS: Final = (
    Column(name="code", read=CODE, unique=True),
    Column(name="product_code", read=CODE),
    Column(name="net_grams", read=whole(1, 100_000_000)),
    Column(name="gtin", read=gs1.read_gtin, optional=True, unique=True),
    Column(name="list_price_minor", read=whole(0, UNIT_PRICE_MINOR_MAX)),
    Column(name="currency", read=CURRENCY),
)

_NEVER_CHANGES: Final = Text(
    en="This never changes, and is {value} already; give it a new code.",
    zh="此项不可更改，现为 {value}；请使用新代码。",
)


def read_cooperatives(session: Session, ctx: Context, *, county_id: uuid.UUID, text: str) -> Report:
    """Import the cooperatives of a county, one file at a time. Raises CountyNotFound, CsvRefused."""
    table = parse(text, COOPERATIVE_COLUMNS)
    counties.get(session, county_id=county_id, locked=True)
    known = {each.code: each for each in cooperatives.of_county_locked(session, county_id=county_id)}
    table.faults += _foreign_glns(session, table, known)
    _refuse_faults(table)

    def create(facts: dict[str, Any]) -> None:
        cooperatives.add(session, ctx, county_id=county_id, **facts)

    report = _merge(session, ctx, table, known, create)
    audit.record(session, ctx, "cooperative.import", subject=("county", county_id), after=asdict(report))
    with database.refusing(cooperatives.taken()):
        session.flush()
    return report


def read_products(session: Session, ctx: Context, *, text: str) -> Report:
    """Import products. Raises CsvRefused; ProductCodeTaken when somebody else makes one just now."""
    table = parse(text, PRODUCT_COLUMNS)
    known = {each.code: each for each in _products(session, _values(table, "code"), locked=True)}
    table.faults += _fixed(table, known, ("variety", "grade", "size"))
    _refuse_faults(table)

    def create(facts: dict[str, Any]) -> None:
        products.add(session, ctx, **facts)

    report = _merge(session, ctx, table, known, create)
    audit.record(session, ctx, "product.import", subject=("file", "products"), after=asdict(report))
    with database.refusing(products.taken()):
        session.flush()
    return report


def read_packs(session: Session, ctx: Context, *, text: str) -> Report:
    """Import packs of known products. Raises CsvRefused; PackCodeTaken, GtinTaken as above."""
    table = parse(text, PACK_COLUMNS)
    known = {each.code: each for each in _packs(session, _values(table, "code"))}
    of_code = {each.code: each for each in _products(session, _values(table, "product_code"), locked=False)}
    table.faults += _fixed(table, known, ("product_code", "net_grams"))
    table.faults += _unknown_products(table, of_code)
    table.faults += _foreign_gtins(session, table)
    _refuse_faults(table)

    def create(facts: dict[str, Any]) -> None:
        product = of_code[facts["product_code"]]
        rest = {name: value for name, value in facts.items() if name != "product_code"}
        products.add_pack(session, ctx, product, **rest)

    report = _merge(session, ctx, table, known, create)
    audit.record(session, ctx, "pack.import", subject=("file", "packs"), after=asdict(report))
    with database.refusing(products.taken()):
        session.flush()
    return report


def write_cooperatives(session: Session, *, county_id: uuid.UUID) -> str:
    """The county's cooperatives as `read_cooperatives` takes them. Raises CountyNotFound."""
    return _written(COOPERATIVE_COLUMNS, cooperatives.of_county(session, county_id=county_id))


def write_products(session: Session) -> str:
    return _written(PRODUCT_COLUMNS, list(session.scalars(select(Product).order_by(Product.code))))


def write_packs(session: Session) -> str:
    return _written(PACK_COLUMNS, list(session.scalars(select(Pack).order_by(Pack.code))))


def _written(columns: Sequence[Column], rows: Sequence[edits.Row]) -> str:
    return write(columns, ({column.name: getattr(row, column.name) for column in columns} for row in rows))


def _merge(
    session: Session,
    ctx: Context,
    table: Table,
    known: Mapping[str, edits.Row],
    create: Callable[[dict[str, Any]], None],
) -> Report:
    created = updated = 0
    for row in table.rows:
        have = known.get(row.values["code"])
        if have is None:
            create(row.values)
            created += 1
        elif edits.changes(have, row.values):
            edits.apply(session, ctx, have, row.values)
            updated += 1
    rows = len(table.rows)
    return Report(rows=rows, created=created, updated=updated, unchanged=rows - created - updated)


def _refuse_faults(table: Table) -> None:
    if table.faults:
        raise CsvRefused(table.faults)


def _values(table: Table, column: str) -> set[Any]:
    return {row.values[column] for row in table.rows if row.values.get(column) is not None}


def _products(session: Session, codes: set[str], *, locked: bool) -> list[Product]:
    statement = select(Product).where(Product.code.in_(codes)).order_by(Product.code)
    if locked:
        statement = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    return list(session.scalars(statement))


def _packs(session: Session, codes: set[str]) -> list[Pack]:
    statement = select(Pack).where(Pack.code.in_(codes)).order_by(Pack.code)
    locking = statement.with_for_update(of=Pack, key_share=True).execution_options(populate_existing=True)
    return list(session.scalars(locking))


def _fixed(table: Table, known: Mapping[str, edits.Row], columns: Sequence[str]) -> Iterator[Fault]:
    for row in table.rows:
        have = known.get(row.values["code"])
        for column in columns if have is not None else ():
            stored = getattr(have, column)
            if column in row.values and row.values[column] != stored:
                yield _fault(row, column, _NEVER_CHANGES.format(value=stored))


def _unknown_products(table: Table, known: Mapping[str, Product]) -> Iterator[Fault]:
    for row in table.rows:
        if row.values["product_code"] not in known:
            yield _fault(row, "product_code", products.ProductNotFound.title)


def _foreign_glns(session: Session, table: Table, known: Mapping[str, Cooperative]) -> Iterator[Fault]:
    held = select(Cooperative.gln, Cooperative.id).where(Cooperative.gln.in_(_values(table, "gln")))
    holders = {found.gln: found.id for found in session.execute(held)}
    for row in table.rows:
        holder = holders.get(row.values.get("gln"))
        have = known.get(row.values["code"])
        if holder is not None and (have is None or have.id != holder):
            yield _fault(row, "gln", cooperatives.GlnTaken.title)


def _foreign_gtins(session: Session, table: Table) -> Iterator[Fault]:
    held = select(Pack.gtin, Pack.code).where(Pack.gtin.in_(_values(table, "gtin")))
    holders = {found.gtin: found.code for found in session.execute(held)}
    for row in table.rows:
        if holders.get(row.values.get("gtin"), row.values["code"]) != row.values["code"]:
            yield _fault(row, "gtin", products.GtinTaken.title)


def _fault(row: Row, column: str, reason: Text) -> Fault:
    return Fault(line=row.line, column=column, value=str(row.values[column] or ""), reason=reason)
