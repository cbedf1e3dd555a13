"""Exports: prices in other currencies, destinations and their papers, what was agreed, files in all their versions.

Orders were in the currency of their pack all along, so no row changes. Going down, no export may be there.
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

KINDS = (
    "kind IN ('phytosanitary_certificate', 'certificate_of_origin', 'packing_list', 'commercial_invoice',"
    " 'bill_of_lading')"
)
COUNTRY = "country ~ '^[A-Z]{2}$' AND country <> 'CN'"
PRICE = {
    "unit_price": "unit_price_minor > 0 AND unit_price_minor <= 1000000000",
    "currency": "currency ~ '^[A-Z]{3}$'",
}
DESTINATION = {"country": COUNTRY, "shelf_days": "shelf_days BETWEEN 30 AND 365"}
TERMS = {
    "country": COUNTRY,
    "incoterm": "incoterm IN ('EXW', 'FCA', 'CPT', 'CIP', 'DAP', 'DPU', 'DDP', 'FAS', 'FOB', 'CFR', 'CIF')",
    "good_until": "good_until >= promised_on + shelf_days::integer",
}
DOCUMENT = {
    "kind": KINDS,
    "version": "version BETWEEN 1 AND 20",
    "media_type": "media_type IN ('application/pdf', 'image/png', 'image/jpeg')",
    "size": "size_bytes = octet_length(data) AND size_bytes BETWEEN 1 AND 5000000",
    "sha256": "sha256 = encode(sha256(data), 'hex')",
}
TABLES = (
    "export_document",
    "export_requirement",
    "export_terms",
    "export_destination_document",
    "export_destination",
    "campaign_item_price",
)


def _words(size: int, *names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(size), nullable=False) for name in names]


def _whole(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _at(name: str, *, nullable: bool = False) -> sa.Column[sa.DateTime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _id(name: str) -> sa.Column[sa.Uuid]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def _refers(table: str, column: str, target: str, key: str = "id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.{key}"], name=f"fk_{table}_{column}_{target}")


def _order_kinds(*kinds: str) -> None:
    op.drop_constraint(op.f("ck_order_kind"), "order")
    op.create_check_constraint(op.f("ck_order_kind"), "order", f"kind IN ({', '.join(map(repr, kinds))})")


def upgrade() -> None:
    _order_kinds("shopper_presale", "sponsor_bulk", "game_redemption", "export")
    op.create_table(
        "campaign_item_price",
        _id("item_id"),
        *_words(3, "currency"),
        *_whole("unit_price_minor"),
        _at("set_at"),
        sa.PrimaryKeyConstraint("item_id", "currency", name="pk_campaign_item_price"),
        _refers("campaign_item_price", "item_id", "campaign_item"),
        *_checks("campaign_item_price", PRICE),
    )
    op.execute("REVOKE DELETE ON campaign_item_price FROM marketplace_app")
    _destinations()
    _terms()
    _documents()


def _destinations() -> None:
    op.create_table(
        "export_destination",
        *_words(2, "country"),
        *_words(100, "name_en", "name_zh"),
        *_whole("shelf_days", "version"),
        _at("updated_at"),
        sa.PrimaryKeyConstraint("country", name="pk_export_destination"),
        *_checks("export_destination", DESTINATION),
    )
    op.create_table(
        "export_destination_document",
        *_words(2, "country"),
        *_words(40, "kind"),
        sa.PrimaryKeyConstraint("country", "kind", name="pk_export_destination_document"),
        _refers("export_destination_document", "country", "export_destination", "country"),
        *_checks("export_destination_document", {"kind": KINDS}),
    )


def _terms() -> None:
    op.create_table(
        "export_terms",
        _id("order_id"),
        _id("item_id"),
        *_words(200, "company"),
        *_words(2, "country"),
        *_words(200, "place"),
        *_words(3, "incoterm"),
        sa.Column("promised_on", sa.Date(), nullable=False),
        *_whole("shelf_days"),
        sa.Column("good_until", sa.Date(), nullable=False),
        _at("ready_at", nullable=True),
        sa.PrimaryKeyConstraint("order_id", name="pk_export_terms"),
        _refers("export_terms", "order_id", "order"),
        _refers("export_terms", "item_id", "campaign_item"),
        *_checks("export_terms", TERMS),
    )
    op.create_index("ix_export_terms_item_id", "export_terms", ["item_id"])
    op.create_table(
        "export_requirement",
        _id("order_id"),
        *_words(40, "kind"),
        sa.PrimaryKeyConstraint("order_id", "kind", name="pk_export_requirement"),
        _refers("export_requirement", "order_id", "export_terms", "order_id"),
        *_checks("export_requirement", {"kind": KINDS}),
    )
    op.execute("REVOKE DELETE ON export_terms FROM marketplace_app")
    op.execute("REVOKE UPDATE, DELETE ON export_requirement FROM marketplace_app")


def _documents() -> None:
    op.create_table(
        "export_document",
        *(_id(name) for name in ("id", "order_id")),
        *_words(40, "kind"),
        *_whole("version"),
        *_words(120, "name"),
        *_words(40, "media_type"),
        *_whole("size_bytes"),
        *_words(64, "sha256"),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        _id("uploaded_by"),
        _at("uploaded_at"),
        sa.PrimaryKeyConstraint("id", name="pk_export_document"),
        sa.UniqueConstraint(
            "order_id", "kind", "version", name="uq_export_document_order_id_kind_version"
        ),
        _refers("export_document", "order_id", "export_terms", "order_id"),
        _refers("export_document", "uploaded_by", "account"),
        *_checks("export_document", DOCUMENT),
    )
    op.execute("REVOKE UPDATE, DELETE ON export_document FROM marketplace_app")


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    _order_kinds("shopper_presale", "sponsor_bulk", "game_redemption")
