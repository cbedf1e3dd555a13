"""Accounts with roles and memberships; sessions, log-in codes, service keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _at(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("login", sa.String(80)),
        sa.Column("password_hash", sa.String(200)),
        sa.Column("phone", sa.String(16)),
        sa.Column("status", sa.String(20), nullable=False),
        _at("created_at"),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("login", name="uq_account_login"),
        sa.UniqueConstraint("phone", name="uq_account_phone"),
        sa.CheckConstraint(
            "(login IS NULL) = (password_hash IS NULL)", name=op.f("ck_account_login_has_password")
        ),
        sa.CheckConstraint("login = lower(login)", name=op.f("ck_account_login_lower")),
        sa.CheckConstraint(r"phone ~ '^\+[1-9][0-9]{6,14}$'", name=op.f("ck_account_phone_e164")),
        sa.CheckConstraint("status IN ('active', 'disabled')", name=op.f("ck_account_status")),
    )
    op.create_table(
        "account_role",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "role", name="pk_account_role"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_account_role_account_id_account"),
        sa.CheckConstraint(
            "role IN ('auditor', 'buyer', 'cooperative', 'operator', 'shopper')", name=op.f("ck_account_role_role")
        ),
    )
    op.create_index("ix_account_role_role", "account_role", ["role"])
    op.create_table(
        "membership",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("cooperative_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "cooperative_id", name="pk_membership"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_membership_account_id_account"),
    )
    op.create_index("ix_membership_cooperative_id", "membership", ["cooperative_id"])
    op.create_table(
        "login_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        _at("created_at"),
        _at("expires_at"),
        _at("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_login_session"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_login_session_account_id_account"),
        sa.UniqueConstraint("token_digest", name="uq_login_session_token_digest"),
        sa.CheckConstraint("octet_length(token_digest) = 32", name=op.f("ck_login_session_token_digest")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_login_session_expires_at")),
    )
    op.create_index("ix_login_session_account_id", "login_session", ["account_id"])
    op.create_index("ix_login_session_expires_at", "login_session", ["expires_at"])
    op.create_table(
        "login_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.String(16), nullable=False),
        sa.Column("code_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("wrong_tries", sa.BigInteger(), nullable=False),
        _at("created_at"),
        _at("expires_at"),
        _at("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_login_code"),
        sa.CheckConstraint("wrong_tries >= 0 AND wrong_tries <= 5", name=op.f("ck_login_code_wrong_tries")),
        sa.CheckConstraint(
            "wrong_tries < 5 OR ended_at IS NOT NULL", name=op.f("ck_login_code_five_tries_end_it")
        ),
    )
    op.create_index("ix_login_code_phone_created_at", "login_code", ["phone", "created_at"])
    op.create_index("ix_login_code_created_at", "login_code", ["created_at"])
    op.create_index(
        "uq_login_code_open_phone", "login_code", ["phone"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "service_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", ARRAY(sa.String(40)), nullable=False),
        sa.Column("created_by", sa.Uuid()),
        _at("created_at"),
        _at("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_service_key"),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name="fk_service_key_created_by_account"),
        sa.UniqueConstraint("key_digest", name="uq_service_key_key_digest"),
        sa.CheckConstraint("octet_length(key_digest) = 32", name=op.f("ck_service_key_key_digest")),
        sa.CheckConstraint("cardinality(scopes) >= 1", name=op.f("ck_service_key_scopes")),
    )
    # An account is disabled, never deleted: everything that was done points at it.
    op.execute("REVOKE DELETE ON account, service_key FROM marketplace_app")


def downgrade() -> None:
    for table in ("service_key", "login_code", "login_session", "membership", "account_role", "account"):
        op.drop_table(table)
