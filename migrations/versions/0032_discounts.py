"""Discounts: quotes on holds, what is taken off an order, codes; which pools have promotions without a code.

Going down asks that no order has a discount.
"""

import importlib.util
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

OLD_TOTAL = "total_minor = boxes * unit_price_minor AND total_minor <= 10000000000000"
ORDER = {
    "total": "total_minor = boxes * unit_price_minor - discount_minor AND total_minor BETWEEN 0 AND 10000000000000",
    "discount": "discount_minor >= 0 AND (discount_minor > 0) = (discounts <> '[]')",
}
HOLD_QUOTE = (
    "num_nulls(quoted_boxes, discount_minor, discounts) IN (0, 3) AND quoted_boxes >= 0"
    " AND discount_minor BETWEEN 0 AND quoted_boxes * unit_price_minor"
)
WINDOW = "ends_at > starts_at"
BY_CODE = "is_by_code OR kind NOT IN ('coupon', 'voucher')"
QUOTE = {
    "boxes": "boxes > 0 AND boxes <= 1000000",
    "money": "price_minor <= 10000000000000 AND discount_minor BETWEEN 0 AND price_minor",
}
QUOTED = (
    ", 'quoted_boxes', t.quoted_boxes, 'discount_minor', t.discount_minor, 'discounts', t.discounts,"
    " 'has_promotions', (SELECT p.has_promotions FROM pool p WHERE p.id = t.pool_id)"
)


def upgrade() -> None:
    op.add_column(
        "pool", sa.Column("has_promotions", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("hold", sa.Column("quoted_boxes", sa.BigInteger()))
    op.add_column("hold", sa.Column("discount_minor", sa.BigInteger()))
    op.add_column("hold", sa.Column("discounts", JSONB()))
    op.create_check_constraint(op.f("ck_hold_quote"), "hold", HOLD_QUOTE)
    op.add_column(
        "order", sa.Column("discount_minor", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column("order", sa.Column("discounts", JSONB(), nullable=False, server_default=sa.text("'[]'")))
    op.drop_constraint(op.f("ck_order_total"), "order")
    for name, rule in ORDER.items():
        op.create_check_constraint(op.f(f"ck_order_{name}"), "order", rule)
    _terms()
    _codes()
    _quotes()
    _look(QUOTED)


def _terms() -> None:
    """Amounts have a currency: that of what the campaign sells."""
    op.add_column("promotion", sa.Column("currency", sa.String(3)))
    op.add_column("promotion", sa.Column("starts_at", sa.DateTime(timezone=True)))
    op.add_column("promotion", sa.Column("is_by_code", sa.Boolean()))
    op.add_column("promotion", sa.Column("item_ids", JSONB()))
    op.execute(
        "UPDATE promotion p SET is_by_code = kind IN ('coupon', 'voucher'), currency = coalesce("
        "(SELECT min(i.currency) FROM campaign_item i WHERE i.campaign_id = p.campaign_id), 'CNY')"
    )
    op.alter_column("promotion", "currency", nullable=False)
    op.alter_column("promotion", "is_by_code", nullable=False)
    op.create_check_constraint(op.f("ck_promotion_window"), "promotion", WINDOW)
    op.create_check_constraint(op.f("ck_promotion_by_code"), "promotion", BY_CODE)


def _codes() -> None:
    op.create_table(
        "promotion_code",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("promotion_id", sa.Uuid(), sa.ForeignKey("promotion.id"), nullable=False, index=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("is_single_use", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("ck_promotion_code_digest")),
    )
    op.add_column("promotion_use", sa.Column("code_id", sa.Uuid()))
    op.create_foreign_key(
        "fk_promotion_use_code_id_promotion_code", "promotion_use", "promotion_code", ["code_id"], ["id"]
    )
    op.create_index(
        "uq_promotion_use_code",
        "promotion_use",
        ["code_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('reserved', 'consumed')"),
    )
    op.execute("REVOKE UPDATE, DELETE ON promotion_code FROM marketplace_app")


def _quotes() -> None:
    op.create_table(
        "promotion_quote",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("hold_id", sa.Uuid(), sa.ForeignKey("hold.id"), nullable=False, index=True),
        sa.Column("person_id", sa.Uuid(), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("is_asked", sa.Boolean(), nullable=False),
        sa.Column("boxes", sa.BigInteger(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("discount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("told", JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_promotion_quote_{name}"))
            for name, rule in QUOTE.items()
        ),
    )
    op.execute("REVOKE UPDATE, DELETE ON promotion_quote FROM marketplace_app")


def _look(facts: str) -> None:
    """The till's look of holds, with what their quotes take off, or without."""
    before, looks = _of("0022_deposits.py"), _of("0019_till_looks.py")
    op.execute("DROP FUNCTION paying_look(jsonb)")
    op.execute(
        looks.FORM.format(
            name="paying_look",
            table="hold",
            owner="owner_id",
            order="t.owner_id, t.pool_id, t.id",
            facts=f"{before.FACTS}, {before.DEPOSIT}{facts}",
        )
    )


def _of(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), Path(__file__).with_name(name))
    assert spec is not None
    assert spec.loader is not None
    found: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def downgrade() -> None:
    _look("")
    op.drop_table("promotion_quote")
    op.drop_index("uq_promotion_use_code", "promotion_use")
    op.drop_constraint("fk_promotion_use_code_id_promotion_code", "promotion_use")
    op.drop_column("promotion_use", "code_id")
    op.drop_table("promotion_code")
    for name in ("window", "by_code"):
        op.drop_constraint(op.f(f"ck_promotion_{name}"), "promotion")
    for name in ("item_ids", "is_by_code", "starts_at", "currency"):
        op.drop_column("promotion", name)
    for name in ORDER:
        op.drop_constraint(op.f(f"ck_order_{name}"), "order")
    op.create_check_constraint(op.f("ck_order_total"), "order", OLD_TOTAL)
    op.drop_column("order", "discounts")
    op.drop_column("order", "discount_minor")
    op.drop_constraint(op.f("ck_hold_quote"), "hold")
    for name in ("discounts", "discount_minor", "quoted_boxes"):
        op.drop_column("hold", name)
    op.drop_column("pool", "has_promotions")
