"""Tables of label credit: the account and its ledger, what lots carry of it, changes by two people, labels."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from inventory.labels.states import ADDING, TAKING, ChangeKind, ChangeState, LineKind, SerialState
from marketplace.database import Base, one_of

_POSITION = "balance_grams >= 0 AND owed_grams >= 0 AND (balance_grams = 0 OR owed_grams = 0)"


class LabelAccount(Base):
    """What a cooperative may still label of an area's harvest of a season. `version` is its last line's number."""

    __tablename__ = "label_account"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    area_id: Mapped[uuid.UUID]
    season: Mapped[int]
    balance_grams: Mapped[int]
    owed_grams: Mapped[int]
    """Fruit was lost that had labels already: nothing is printed until it is made up for."""
    eligible_grams: Mapped[int]
    """All that has ever earned credit here."""
    shrunk_grams: Mapped[int]
    """What of it was really lost in store."""
    shrink_charged_grams: Mapped[int]
    """What was taken off for that: at least the allowance."""
    provisional_grams: Mapped[int]
    """Of the tranche before the weighing: what no real credit has replaced yet."""
    provisional_granted_grams: Mapped[int | None]
    version: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("cooperative_id", "area_id", "season"),
        CheckConstraint(_POSITION, name="balance"),
        CheckConstraint(
            "eligible_grams >= 0 AND shrunk_grams >= 0 AND shrink_charged_grams >= 0"
            " AND provisional_grams BETWEEN 0 AND coalesce(provisional_granted_grams, 0)",
            name="counters",
        ),
        CheckConstraint("version >= 0", name="version"),
        Index(None, "area_id", "season"),
    )


class LabelLine(Base):
    """One line of a label account: what changed, and what stood there after it. Append-only."""

    __tablename__ = "label_line"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("label_account.id"))
    number: Mapped[int]
    """1, 2, 3 … without gaps in each account."""
    kind: Mapped[str] = mapped_column(String(20))
    grams: Mapped[int]
    """Signed: below zero it takes credit away."""
    balance_grams: Mapped[int]
    owed_grams: Mapped[int]
    lot_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("lot.id"), index=True)
    batch_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("label_batch.id"), index=True)
    change_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("label_change.id"))
    reason: Mapped[str | None] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("account_id", "number"),
        CheckConstraint("number > 0 AND grams <> 0", name="number"),
        CheckConstraint(_POSITION, name="balance"),
        CheckConstraint(
            f"CASE WHEN {one_of('kind', sorted(ADDING))} THEN grams > 0"
            f" WHEN {one_of('kind', sorted(TAKING))} THEN grams < 0 ELSE kind = '{LineKind.ADJUST}' END",
            name="kind",
        ),
        CheckConstraint("kind <> 'label_issue' OR owed_grams = 0", name="issue"),
        CheckConstraint("(kind IN ('label_issue', 'label_void')) = (batch_id IS NOT NULL)", name="batch"),
        CheckConstraint(
            "(kind IN ('adjust', 'transfer_in', 'transfer_out')) = (change_id IS NOT NULL)", name="change"
        ),
    )


class LotLabel(Base):
    """What a lot's fruit may be labelled for, from one account. What was labelled is not in it any more."""

    __tablename__ = "lot_label"

    lot_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lot.id"), primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("label_account.id"), primary_key=True, index=True
    )
    certified_grams: Mapped[int]
    """Of certified land and not labelled yet."""
    earned_grams: Mapped[int]
    """The part of it that has earned credit."""
    labelled_grams: Mapped[int]
    """Net weight of boxes in the store that bear labels."""
    leaving_grams: Mapped[int]
    """Fruit that left for other lots and is not there yet."""
    leaving_certified_grams: Mapped[int]
    leaving_earned_grams: Mapped[int]
    is_suspended: Mapped[bool]
    """A grading did not add up: it earns nothing until an operator admits it."""

    __table_args__ = (
        CheckConstraint("0 <= earned_grams AND earned_grams <= certified_grams", name="earned"),
        CheckConstraint(
            "0 <= leaving_earned_grams AND leaving_earned_grams <= leaving_certified_grams"
            " AND leaving_certified_grams <= leaving_grams",
            name="leaving",
        ),
        CheckConstraint("labelled_grams >= 0", name="labelled"),
        CheckConstraint("NOT is_suspended OR earned_grams = 0", name="suspended"),
    )


class LabelHarvest(Base):
    """What was weighed of a plot in a season, and how much of it its land can have borne."""

    __tablename__ = "label_harvest"

    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), primary_key=True)
    plot: Mapped[str] = mapped_column(String(60), primary_key=True)
    season: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    area_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("label_area.id"))
    weighed_grams: Mapped[int]
    certified_grams: Mapped[int]

    __table_args__ = (
        CheckConstraint("0 <= certified_grams AND certified_grams <= weighed_grams", name="grams"),
    )


class LabelChange(Base):
    """A change of credit that one person proposes and another approves."""

    __tablename__ = "label_change"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("label_account.id"), index=True)
    to_cooperative_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("cooperative.id"))
    from_lot_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("lot.id"))
    to_lot_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("lot.id"))
    grams: Mapped[int]
    reason: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20))
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    proposed_at: Mapped[datetime]
    answered_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    answered_at: Mapped[datetime | None]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint(one_of("kind", ChangeKind), name="kind"),
        CheckConstraint(one_of("state", ChangeState), name="state"),
        CheckConstraint(
            "CASE kind WHEN 'transfer' THEN num_nulls(to_cooperative_id, from_lot_id, to_lot_id) = 0 AND grams > 0"
            " ELSE num_nonnulls(to_cooperative_id, from_lot_id, to_lot_id) = 0 AND grams <> 0 END",
            name="grams",
        ),
        CheckConstraint(
            "num_nulls(answered_by, answered_at) = CASE state WHEN 'proposed' THEN 2 ELSE 0 END",
            name="answered",
        ),
        CheckConstraint("state <> 'approved' OR answered_by <> proposed_by", name="two_people"),
        CheckConstraint("version > 0", name="version"),
    )


class LabelBatch(Base):
    """Labels printed at once for one pack."""

    __tablename__ = "label_batch"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("label_account.id"), index=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), index=True)
    pack_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pack.id"))
    design_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("label_design.id"))
    gtin: Mapped[str] = mapped_column(String(14))
    net_grams: Mapped[int]
    overfill_permille: Mapped[int]
    labels_count: Mapped[int]
    consumed_grams: Mapped[int]
    given_back_count: Mapped[int]
    """Labels whose destruction was proven: their grams are credit again."""
    issued_at: Mapped[datetime | None]
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint("labels_count BETWEEN 1 AND 10000", name="labels"),
        CheckConstraint(
            "net_grams > 0 AND consumed_grams = div(labels_count::numeric * net_grams * (1000 + overfill_permille)"
            " + 999, 1000)",
            name="consumed",
        ),
        CheckConstraint("given_back_count BETWEEN 0 AND labels_count", name="given_back"),
        CheckConstraint("version > 0", name="version"),
    )


class LabelSerial(Base):
    """One label. Its serial is the number of the box that it is put on."""

    __tablename__ = "label_serial"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    batch_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("label_batch.id"))
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("label_account.id"))
    gtin: Mapped[str] = mapped_column(String(14))
    serial: Mapped[str] = mapped_column(String(20), unique=True)
    net_grams: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    lot_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("lot.id"))
    parcel_id: Mapped[uuid.UUID | None]
    """A thing of the package above."""
    bound_at: Mapped[datetime | None]
    shipped_at: Mapped[datetime | None]
    activated_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    note: Mapped[str | None] = mapped_column(String(200))
    """Why it is void or flagged."""
    proof: Mapped[str | None] = mapped_column(String(200))
    """How it was destroyed, and who saw it."""
    witness: Mapped[str | None] = mapped_column(String(80))
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint(one_of("state", SerialState), name="state"),
        CheckConstraint("net_grams > 0", name="net_grams"),
        CheckConstraint("serial ~ '^[0-9A-Z]{12}$'", name="serial"),
        CheckConstraint("num_nulls(lot_id, bound_at) IN (0, 2)", name="bound"),
        CheckConstraint(
            "CASE state WHEN 'printed' THEN lot_id IS NULL WHEN 'issued' THEN lot_id IS NULL"
            " WHEN 'bound' THEN lot_id IS NOT NULL AND shipped_at IS NULL"
            " WHEN 'shipped' THEN lot_id IS NOT NULL AND shipped_at IS NOT NULL"
            " WHEN 'activated' THEN num_nulls(lot_id, shipped_at, activated_at) = 0 ELSE true END",
            name="life",
        ),
        CheckConstraint("(state IN ('void', 'retired')) = (ended_at IS NOT NULL)", name="ended"),
        CheckConstraint("state NOT IN ('void', 'flagged') OR note IS NOT NULL", name="note"),
        CheckConstraint(
            "num_nulls(proof, witness) IN (0, 2) AND (proof IS NULL OR state = 'void')", name="proof"
        ),
        CheckConstraint("version > 0", name="version"),
        Index(None, "batch_id"),
        Index("ix_label_serial_lot_id", "lot_id", postgresql_where=text("lot_id IS NOT NULL")),
        Index("ix_label_serial_parcel_id", "parcel_id", postgresql_where=text("parcel_id IS NOT NULL")),
    )
