"""Group buys: how many people and hours a promotion asks for, groups, their members, and uses that are a group's.

Going down, what people were told of groups is forgotten; no group may be there.
"""

import sqlalchemy as sa
from alembic import op

from migrations import messages

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

TOLD = ("group_full", "group_lapsed")
ASKED = (
    "CASE WHEN kind = 'group_buy' THEN people_needed BETWEEN 2 AND 100 AND group_hours BETWEEN 1 AND 720"
    " AND num_nulls(people_needed, group_hours) = 0 AND NOT is_by_code"
    " ELSE num_nonnulls(people_needed, group_hours) = 0 END"
)
GROUP = {
    "state": "state IN ('open', 'full', 'settled', 'lapsed')",
    "code": "code ~ '^[2-9A-HJ-NP-Z]{8}$'",
    "people_needed": "people_needed BETWEEN 2 AND 100",
    "places": "places_paid >= 0 AND places_paid <= places_taken AND places_taken <= people_needed",
    "full": "(state IN ('full', 'settled')) = (places_paid = people_needed)",
    "ended_at": "(state = 'open') = (ended_at IS NULL)",
    "closes_at": "closes_at > opened_at",
    "in_time": "state NOT IN ('full', 'settled') OR ended_at < closes_at",
}
MEMBER = {
    "state": "state IN ('joined', 'paid', 'rewarded', 'left', 'lapsed', 'undone')",
    "boxes": "boxes > 0 AND boxes <= 1000000",
    "reserved": "reserved_minor > 0 AND reserved_minor <= 10000000000000",
    "given": "given_minor BETWEEN 0 AND reserved_minor",
    "given_to": "(given_minor IS NOT NULL) = (state IN ('rewarded', 'undone'))",
    "paid_at": "CASE WHEN state = 'joined' THEN paid_at IS NULL"
    " WHEN state IN ('paid', 'rewarded', 'undone') THEN paid_at IS NOT NULL ELSE true END",
}


def _ids(*names: str) -> list[sa.Column[sa.Uuid]]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in names]


def _whole(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]


def _at(*names: str, nullable: bool = False) -> list[sa.Column[sa.DateTime]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}")


def upgrade() -> None:
    messages.tell(TOLD)
    for column in _whole("people_needed", "group_hours", nullable=True):
        op.add_column("promotion", column)
    op.create_check_constraint(op.f("ck_promotion_group"), "promotion", ASKED)
    _groups()
    op.add_column("promotion_use", sa.Column("group_id", sa.Uuid()))
    op.create_foreign_key(
        "fk_promotion_use_group_id_promotion_group", "promotion_use", "promotion_group", ["group_id"], ["id"]
    )
    op.create_index("ix_promotion_use_group_id", "promotion_use", ["group_id"])
    _members()
    op.execute("REVOKE DELETE ON promotion_group, promotion_group_member FROM marketplace_app")


def _groups() -> None:
    op.create_table(
        "promotion_group",
        *_ids("id", "promotion_id"),
        sa.Column("code", sa.String(8), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        *_whole("people_needed", "places_taken", "places_paid"),
        *_at("opened_at", "closes_at"),
        *_at("ended_at", nullable=True),
        *_whole("version"),
        sa.PrimaryKeyConstraint("id", name="pk_promotion_group"),
        sa.UniqueConstraint("code", name="uq_promotion_group_code"),
        _refers("promotion_group", "promotion_id", "promotion"),
        *_checks("promotion_group", GROUP),
    )
    op.create_index("ix_promotion_group_promotion_id", "promotion_group", ["promotion_id"])
    op.create_index(
        "ix_promotion_group_open", "promotion_group", ["closes_at"], postgresql_where=sa.text("state = 'open'")
    )


def _members() -> None:
    name = "promotion_group_member"
    op.create_table(
        name,
        *_ids("id", "group_id", "promotion_id", "account_id", "hold_id", "use_id"),
        sa.Column("state", sa.String(20), nullable=False),
        *_whole("boxes", "reserved_minor"),
        *_whole("given_minor", nullable=True),
        *_at("joined_at"),
        *_at("paid_at", nullable=True),
        *_whole("version"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.UniqueConstraint("use_id", name=f"uq_{name}_use_id"),
        sa.UniqueConstraint("group_id", "hold_id", name=f"uq_{name}_group_id_hold_id"),
        _refers(name, "group_id", "promotion_group"),
        _refers(name, "promotion_id", "promotion"),
        _refers(name, "account_id", "account"),
        _refers(name, "hold_id", "hold"),
        _refers(name, "use_id", "promotion_use"),
        *_checks(name, MEMBER),
    )
    for column in ("account_id", "hold_id"):
        op.create_index(f"ix_{name}_{column}", name, [column])
    for index, columns, condition in (
        ("person", ["group_id", "account_id"], "state <> 'left'"),
        ("running", ["promotion_id", "account_id"], "state IN ('joined', 'paid')"),
        ("hold", ["hold_id"], "state IN ('joined', 'paid', 'rewarded')"),
    ):
        op.create_index(
            f"uq_{name}_{index}", name, columns, unique=True, postgresql_where=sa.text(condition)
        )
    op.create_index(
        f"ix_{name}_joined", name, ["promotion_id"], postgresql_where=sa.text("state = 'joined'")
    )


def downgrade() -> None:
    op.drop_table("promotion_group_member")
    op.drop_index("ix_promotion_use_group_id", "promotion_use")
    op.drop_constraint("fk_promotion_use_group_id_promotion_group", "promotion_use")
    op.drop_column("promotion_use", "group_id")
    op.drop_table("promotion_group")
    op.drop_constraint(op.f("ck_promotion_group"), "promotion")
    for name in ("group_hours", "people_needed"):
        op.drop_column("promotion", name)
    messages.forget(TOLD)
