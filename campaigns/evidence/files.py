"""Evidence as files: CSV with one part for each table, PDF in Chinese first that prints. Both name the digest."""

from typing import Final

from campaigns.evidence.rules import Column, Evidence, Kind, Table
from marketplace.csv_cells import file_of
from marketplace.language import Text
from marketplace.pdf_page import Page
from marketplace.values import instant_text

TITLE: Final = Text(en="Evidence for a lender", zh="供贷款机构查阅的经营材料")
HEADS: Final = (
    ("cooperative", Text(en="Cooperative", zh="合作社")),
    ("lender", Text(en="Lender", zh="贷款机构")),
    ("since", Text(en="Counted since", zh="统计起始日")),
    ("made_at", Text(en="Made at", zh="生成时间")),
    ("consent", Text(en="Consent", zh="授权")),
    ("consent_digest", Text(en="Digest of the consent", zh="授权文本摘要")),
    ("digest", Text(en="Digest of this evidence", zh="材料摘要")),
)
NOTHING: Final = Text(en="Nothing was counted.", zh="无记录。")
PAGE_MM: Final = 182
_NARROW: Final = frozenset({Kind.BOXES, Kind.NUMBER, Kind.TENTHS})


def csv_of(evidence: Evidence) -> bytes:
    """Parts one below the other: the table's title, its columns, its rows."""
    rows: list[tuple[str, ...]] = [(_both(name), value.zh) for name, value in _heads(evidence)]
    for table in evidence.tables:
        rows.append(())
        rows.append((_both(table.title),))
        rows.append(tuple(_both(column.label) for column in table.columns))
        rows += [table.told(row) for row in table.rows]
    return file_of((_both(TITLE),), rows)


def pdf_of(evidence: Evidence) -> bytes:
    """The same evidence gives the same bytes."""
    page = Page(title=TITLE, number=evidence.consent_id, day=evidence.made_at.date())
    for name, value in _heads(evidence):
        page.head(name, value)
    for table in evidence.tables:
        count = len(table.rows)
        page.head(table.title, Text(en=f"{count} rows", zh=f"{count} 行") if count else NOTHING)
        if table.rows:
            page.table(
                [column.label for column in table.columns],
                [(table.told(row), False) for row in table.rows],
                widths=_widths(table),
                align=tuple("LEFT" if column.kind is Kind.TEXT else "RIGHT" for column in table.columns),
            )
    return page.bytes()


def _widths(table: Table) -> tuple[int, ...]:
    weights = [_weight(column) for column in table.columns]
    return tuple(weight * PAGE_MM // sum(weights) for weight in weights)


def _weight(column: Column) -> int:
    return 3 if column.kind in _NARROW else 4


def _heads(evidence: Evidence) -> list[tuple[Text, Text]]:
    same = {
        "lender": evidence.lender,
        "since": evidence.since.isoformat(),
        "made_at": instant_text(evidence.made_at),
        "consent": evidence.consent_id,
        "consent_digest": evidence.consent_digest,
        "digest": evidence.to_json()["digest"],
    }
    values = {name: Text(en=value, zh=value) for name, value in same.items()}
    values["cooperative"] = Text(
        en=f"{evidence.cooperative_code} {evidence.cooperative.en}",
        zh=f"{evidence.cooperative_code} {evidence.cooperative.zh}",
    )
    return [(label, values[name]) for name, label in HEADS]


def _both(text: Text) -> str:
    return f"{text.zh} {text.en}"
