"""Events of EPCIS in one chain for each county, what they speak of, kept hashes of their tree, and signed checkpoints."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

TABLES = ("trace_checkpoint", "trace_run", "trace_mention", "trace_event", "trace_chain")
ROLES = "'ob', 'pa', 'ch', 'in', 'ou', 'cl', 'cc', 'ic', 'oc', 'tr', 'bt', 'so', 'de'"


def upgrade() -> None:
    _chains()
    _events()
    _mentions()
    _runs()
    _checkpoints()
    op.execute("REVOKE UPDATE, DELETE ON trace_event, trace_mention, trace_run, trace_checkpoint FROM marketplace_app")
    op.execute("REVOKE DELETE ON trace_chain FROM marketplace_app")


def downgrade() -> None:
    """All events are forgotten, with the evidence that they were told."""
    for table in TABLES:
        op.drop_table(table)


def _chains() -> None:
    op.create_table(
        "trace_chain",
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("county_id", name="pk_trace_chain"),
        sa.ForeignKeyConstraint(["county_id"], ["county.id"], name="fk_trace_chain_county_id_county"),
        *_checks(
            "trace_chain",
            {
                "length": "length >= 0",
                "head": "octet_length(head) = 32",
                "frontier": "octet_length(frontier) = 32 * bit_count(length::bit(64))",
            },
        ),
    )


def _events() -> None:
    op.create_table(
        "trace_event",
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("context", sa.Text()),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("event_hash", sa.String(100), nullable=False),
        sa.Column("is_declaration", sa.Boolean(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("action", sa.String(10)),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("biz_step", sa.Text()),
        sa.Column("disposition", sa.Text()),
        sa.Column("read_point", sa.Text()),
        sa.Column("biz_location", sa.Text()),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("county_id", "number", name="pk_trace_event"),
        _of_chain("trace_event"),
        *_checks(
            "trace_event",
            {
                "number": "number > 0",
                "link": "octet_length(link) = 32",
                "event_id": "length(event_id) <= 1024",
                "action": "action IN ('ADD', 'OBSERVE', 'DELETE')",
            },
        ),
    )
    for name in ("event_hash", "event_id"):
        op.create_index(
            f"uq_trace_event_{name}",
            "trace_event",
            ["county_id", name],
            unique=True,
            postgresql_where=sa.text("NOT is_declaration"),
        )
    op.create_index(
        "ix_trace_event_declared",
        "trace_event",
        ["county_id", "event_hash"],
        postgresql_where=sa.text("is_declaration"),
    )
    op.create_index("ix_trace_event_county_id_event_time", "trace_event", ["county_id", "event_time"])


def _mentions() -> None:
    op.create_table(
        "trace_mention",
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.String(2), nullable=False),
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "role", "county_id", "number", name="pk_trace_mention"),
        sa.ForeignKeyConstraint(
            ["county_id", "number"],
            ["trace_event.county_id", "trace_event.number"],
            name="fk_trace_mention_county_id_number_trace_event",
        ),
        *_checks("trace_mention", {"role": f"role IN ({ROLES})", "key": "length(key) <= 1024"}),
    )


def _runs() -> None:
    op.create_table(
        "trace_run",
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("county_id", "level", "index", name="pk_trace_run"),
        _of_chain("trace_run"),
        *_checks(
            "trace_run",
            {
                "place": "level BETWEEN 8 AND 56 AND level % 8 = 0 AND index >= 0",
                "hash": "octet_length(hash) = 32",
            },
        ),
    )


def _checkpoints() -> None:
    op.create_table(
        "trace_checkpoint",
        sa.Column("county_id", sa.Uuid(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("county_id", "length", name="pk_trace_checkpoint"),
        _of_chain("trace_checkpoint"),
        *_checks("trace_checkpoint", {"length": "length > 0"}),
    )


def _of_chain(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["county_id"], ["trace_chain.county_id"], name=f"fk_{table}_county_id_trace_chain"
    )


def _checks(table: str, rules: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()]
