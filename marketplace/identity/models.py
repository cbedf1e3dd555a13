"""Tables of identity."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.access import PEOPLE, Role
from marketplace.database import Base, one_of


class AccountStatus(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class AccountRole(Base):
    """One role of one account."""

    __tablename__ = "account_role"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(20), primary_key=True)

    __table_args__ = (
        CheckConstraint(one_of("role", sorted(PEOPLE)), name="role"),
        Index(None, "role"),
    )


class Membership(Base):
    """An account acts for a cooperative. Cooperatives are the catalogue's, known here by id only."""

    __tablename__ = "membership"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)

    __table_args__ = (Index(None, "cooperative_id"),)


class Account(Base):
    """A person. Staff log in with login and password, shoppers with a code sent to their phone."""

    __tablename__ = "account"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    login: Mapped[str | None] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    phone: Mapped[str | None] = mapped_column(String(16), unique=True)
    email: Mapped[str | None] = mapped_column(String(254))
    """Where the person gets mail: an address from which a code came back. Nobody logs in by it."""
    language: Mapped[str | None] = mapped_column(String(2))
    """In which the person is written to; None: in both."""
    household: Mapped[str | None] = mapped_column(String(32))
    """A keyed digest of where the person lives, for limits by household; never an address."""
    status: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    version: Mapped[int]

    role_rows: Mapped[list[AccountRole]] = relationship(lazy="selectin", cascade="all, delete-orphan")
    membership_rows: Mapped[list[Membership]] = relationship(lazy="selectin", cascade="all, delete-orphan")

    __table_args__ = (
        CheckConstraint("(login IS NULL) = (password_hash IS NULL)", name="login_has_password"),
        CheckConstraint("login = lower(login)", name="login_lower"),
        CheckConstraint(r"phone ~ '^\+[1-9][0-9]{6,14}$'", name="phone_e164"),
        CheckConstraint(one_of("status", AccountStatus), name="status"),
        CheckConstraint("email ~ '^[^[:space:]@]+@[^[:space:]@]+$'", name="email"),
        CheckConstraint("language IN ('en', 'zh')", name="language"),
        Index("ix_account_household", "household", postgresql_where=text("household IS NOT NULL")),
    )

    @property
    def roles(self) -> frozenset[Role]:
        return frozenset(Role(row.role) for row in self.role_rows)

    @property
    def cooperative_ids(self) -> frozenset[uuid.UUID]:
        return frozenset(row.cooperative_id for row in self.membership_rows)


class LoginSession(Base):
    """A log-in that lasts until it expires or is revoked; the token itself is not kept."""

    __tablename__ = "login_session"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), index=True)
    token_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("octet_length(token_digest) = 32", name="token_digest"),
        CheckConstraint("expires_at > created_at", name="expires_at"),
    )


class LoginCode(Base):
    """A code sent to a phone; ended by its use, by too many wrong tries, or by a newer code."""

    __tablename__ = "login_code"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    phone: Mapped[str] = mapped_column(String(16))
    code_hmac: Mapped[bytes] = mapped_column(LargeBinary)
    wrong_tries: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("wrong_tries >= 0 AND wrong_tries <= 5", name="wrong_tries"),
        CheckConstraint("wrong_tries < 5 OR ended_at IS NOT NULL", name="five_tries_end_it"),
        Index(None, "phone", "created_at"),
        Index(None, "created_at"),
        Index("uq_login_code_open_phone", "phone", unique=True, postgresql_where=text("ended_at IS NULL")),
    )


class EmailCode(Base):
    """A code sent to the e-mail address that an account says is its own; ended as a log-in code is."""

    __tablename__ = "email_code"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    email: Mapped[str] = mapped_column(String(254))
    code_hmac: Mapped[bytes] = mapped_column(LargeBinary)
    wrong_tries: Mapped[int]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("wrong_tries >= 0 AND wrong_tries <= 5", name="wrong_tries"),
        CheckConstraint("wrong_tries < 5 OR ended_at IS NOT NULL", name="five_tries_end_it"),
        Index(None, "email", "created_at"),
        Index(None, "created_at"),
        Index(
            "uq_email_code_open_account", "account_id", unique=True, postgresql_where=text("ended_at IS NULL")
        ),
    )


class ServiceKey(Base):
    """A program's key with what it may do; the key itself is not kept."""

    __tablename__ = "service_key"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    key_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("octet_length(key_digest) = 32", name="key_digest"),
        CheckConstraint("cardinality(scopes) >= 1", name="scopes"),
    )
