"""Claims and their photos; parcels that are lost, and what parcels weighed.

Going down no parcel may be lost; claims, and what was told of them, are forgotten.
"""

import sqlalchemy as sa
from alembic import op

from migrations import messages

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None

TOLD = (
    "claim_received",
    "claim_refunded",
    "claim_to_return",
    "claim_rejected",
    "light_boxes_refunded",
    "claim_raised",
    "claim_decided",
)
STATES = "state IN ('planned', 'packed', 'shipped', 'delivered'{lost})"
TIMES = (
    "num_nonnulls(packed_at, shipped_at, delivered_at{lost}) = CASE state WHEN 'planned' THEN 0"
    " WHEN 'packed' THEN 1 WHEN 'shipped' THEN 2 ELSE 3 END"
)
CARRIER = "(carrier IS NOT NULL) = (state IN ('shipped', 'delivered'{lost}))"
BEFORE = {"state": STATES.format(lost=""), "times": TIMES.format(lost=""), "carrier": CARRIER.format(lost="")}
AFTER = {
    "state": STATES.format(lost=", 'lost'"),
    "times": f"{TIMES.format(lost=', lost_at')} AND (lost_at IS NOT NULL) = (state = 'lost')",
    "carrier": CARRIER.format(lost=", 'lost'"),
}
WEIGHED = "weighed_grams IS NULL OR (weighed_grams > 0 AND packed_at IS NOT NULL)"
CLAIM = {
    "kind": "kind IN ('weight', 'damage', 'quality', 'missing')",
    "boxes": "boxes > 0 AND boxes <= 1000000",
    "state": "state IN ('open', 'answered', 'returning', 'refunded', 'rejected', 'withdrawn')",
    "answer": "answer IN ('agree', 'disagree')",
    "remedy": "remedy IN ('refund', 'return', 'reject')",
    "borne_by": "borne_by IN ('cooperative', 'platform')",
    "refund": "refund_minor >= 0 AND refund_minor <= 10000000000000",
    "automatic": "NOT is_automatic OR (kind = 'weight' AND state = 'refunded' AND remedy = 'refund')",
    "answered": "num_nulls(answer, answered_by, answered_at) IN (0, 3)"
    " AND (answer_words IS NULL OR answer IS NOT NULL)",
    "decided": "num_nulls(remedy, decided_by, decided_at) IN (0, 3)",
    "amount": "CASE WHEN remedy IS NULL OR remedy = 'reject' THEN num_nonnulls(refund_minor, borne_by) = 0"
    " ELSE num_nulls(refund_minor, borne_by) = 0 END",
    "reason": "remedy <> 'reject' OR decision_words IS NOT NULL",
    "remedy_of_state": "CASE state WHEN 'open' THEN num_nonnulls(answer, remedy) = 0"
    " WHEN 'answered' THEN answer IS NOT NULL AND remedy IS NULL"
    " WHEN 'returning' THEN remedy = 'return' WHEN 'refunded' THEN remedy IN ('refund', 'return')"
    " WHEN 'rejected' THEN remedy = 'reject' ELSE remedy IS NULL OR remedy = 'return' END",
    "returned": "(returned_lot_id IS NOT NULL) = (state = 'refunded' AND remedy = 'return')",
}
PHOTO = {
    "number": "number BETWEEN 1 AND 6",
    "media_type": "media_type IN ('image/jpeg', 'image/png', 'image/webp')",
    "size": "size_bytes = octet_length(data) AND size_bytes BETWEEN 1 AND 2000000",
    "sha256": "sha256 = encode(sha256(data), 'hex')",
}


def upgrade() -> None:
    messages.tell(TOLD)
    op.add_column("parcel", _at("lost_at", nullable=True))
    op.add_column("parcel", _whole("weighed_grams", nullable=True))
    _parcels(AFTER)
    op.create_check_constraint(op.f("ck_parcel_weighed_grams"), "parcel", WEIGHED)
    _claims()
    _photos()


def downgrade() -> None:
    op.drop_table("claim_photo")
    op.drop_table("claim")
    op.drop_constraint(op.f("ck_parcel_weighed_grams"), "parcel")
    _parcels(BEFORE)
    op.drop_column("parcel", "weighed_grams")
    op.drop_column("parcel", "lost_at")
    messages.forget(TOLD)


def _parcels(rules: dict[str, str]) -> None:
    for name, rule in rules.items():
        op.drop_constraint(op.f(f"ck_parcel_{name}"), "parcel")
        op.create_check_constraint(op.f(f"ck_parcel_{name}"), "parcel", rule)


def _claims() -> None:
    op.create_table(
        "claim",
        *(_id(name) for name in ("id", "order_id", "parcel_id", "buyer_id", "cooperative_id")),
        _words(20, "kind"),
        _whole("boxes"),
        _words(1000, "words"),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        _words(20, "state"),
        _words(20, "answer", nullable=True),
        _words(1000, "answer_words", nullable=True),
        _words(80, "answered_by", nullable=True),
        _at("answered_at", nullable=True),
        _words(20, "remedy", nullable=True),
        _whole("refund_minor", nullable=True),
        _words(3, "currency"),
        _words(20, "borne_by", nullable=True),
        _words(1000, "decision_words", nullable=True),
        _words(80, "decided_by", nullable=True),
        _at("decided_at", nullable=True),
        sa.Column("returned_lot_id", sa.Uuid()),
        _at("created_at"),
        _whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_claim"),
        sa.UniqueConstraint("returned_lot_id", name="uq_claim_returned_lot_id"),
        _refers("claim", "order_id", "order"),
        _refers("claim", "parcel_id", "parcel"),
        _refers("claim", "buyer_id", "account"),
        _refers("claim", "cooperative_id", "cooperative"),
        _refers("claim", "returned_lot_id", "lot"),
        *_checks("claim", CLAIM),
    )
    op.create_index(
        "uq_claim_automatic", "claim", ["parcel_id"], unique=True, postgresql_where=sa.text("is_automatic")
    )
    op.create_index("ix_claim_parcel_id", "claim", ["parcel_id"])
    for columns in (["order_id", "state"], ["buyer_id", "id"], ["cooperative_id", "id"], ["state", "id"]):
        op.create_index(f"ix_claim_{'_'.join(columns)}", "claim", columns)
    op.execute("REVOKE DELETE ON claim FROM marketplace_app")


def _photos() -> None:
    op.create_table(
        "claim_photo",
        *(_id(name) for name in ("id", "claim_id")),
        _whole("number"),
        _words(40, "media_type"),
        _whole("size_bytes"),
        _words(64, "sha256"),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        _at("uploaded_at"),
        sa.PrimaryKeyConstraint("id", name="pk_claim_photo"),
        sa.UniqueConstraint("claim_id", "number", name="uq_claim_photo_claim_id_number"),
        sa.UniqueConstraint("claim_id", "sha256", name="uq_claim_photo_claim_id_sha256"),
        _refers("claim_photo", "claim_id", "claim"),
        *_checks("claim_photo", PHOTO),
    )
    op.execute("REVOKE UPDATE, DELETE ON claim_photo FROM marketplace_app")


def _id(name: str) -> sa.Column[sa.Uuid]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _whole(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _words(size: int, name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(size), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column[sa.DateTime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")
