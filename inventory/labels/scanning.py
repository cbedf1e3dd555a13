"""Scans of labels: written down, looked at, and flagged with a case where something is not right."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory.labels import accounts, scan_rules, serials
from inventory.labels.land_models import LabelArea
from inventory.labels.models import LabelAccount, LabelSerial
from inventory.labels.scan_models import LabelScan
from inventory.labels.scan_rules import Finding, Place, Scan
from inventory.labels.states import SerialState
from marketplace import audit
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.values import new_id

GENUINE, SUSPICIOUS, UNKNOWN = "genuine", "suspicious", "unknown"
SCANS_READ_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What whoever scanned is told."""

    id: uuid.UUID
    verdict: str
    area: LabelArea | None = None
    cooperative: Cooperative | None = None
    season: int | None = None
    net_grams: int | None = None


def scanned(session: Session, ctx: Context, *, gtin: str, serial: str, channel: str, place: Place) -> Verdict:
    """Write a scan down and say what it is of; a label about which something is not right is flagged.

    A serial that nobody printed is only written down: whoever makes up serials would open cases without end.
    """
    label = session.scalar(
        select(LabelSerial)
        .where(LabelSerial.serial == serial)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if label is None:
        return _told(_write(session, ctx, None, gtin, serial, channel, place, []), UNKNOWN)
    now = Scan(at=ctx.now, place=place, channel=channel)
    found = scan_rules.findings(
        now,
        before=_before(session, label.id),
        is_shipped=label.shipped_at is not None,
        is_delivered=label.activated_at is not None,
        is_void=label.state == SerialState.VOID,
    )
    if label.gtin != gtin:
        found.append(Finding.OTHER_GTIN)
    row = _write(session, ctx, label.id, gtin, serial, channel, place, found)
    if found:
        _raise(session, ctx, label, row, found)
    is_good = not found and label.state != SerialState.FLAGGED
    account = session.get_one(LabelAccount, label.account_id)
    cooperative, area = accounts.place_of(session, account)
    if not is_good:
        return _told(row, SUSPICIOUS)
    return Verdict(
        id=row.id,
        verdict=GENUINE,
        area=area,
        cooperative=cooperative,
        season=account.season,
        net_grams=label.net_grams,
    )


def scans_of(label_id: uuid.UUID) -> Select[LabelScan]:
    return select(LabelScan).where(LabelScan.label_id == label_id)


def _told(row: LabelScan, verdict: str) -> Verdict:
    return Verdict(id=row.id, verdict=verdict)


def _raise(session: Session, ctx: Context, label: LabelSerial, row: LabelScan, found: list[Finding]) -> None:
    reason = ", ".join(found)
    facts = {"scan_id": str(row.id), "channel": row.channel, "city": row.city}
    if label.state == SerialState.VOID:
        serials.tell_case(session, ctx, label, reason=reason, facts=facts)
    else:
        serials.raise_flag(session, ctx, label, reason=reason, facts=facts)


def _before(session: Session, label_id: uuid.UUID) -> list[Scan]:
    newest = scans_of(label_id).order_by(LabelScan.id.desc()).limit(SCANS_READ_MAX)
    return [
        Scan(
            at=each.at,
            place=Place(city=each.city, north_tenths=each.north_tenths, east_tenths=each.east_tenths),
            channel=each.channel,
        )
        for each in reversed(session.scalars(newest).all())
    ]


def _write(
    session: Session,
    ctx: Context,
    label_id: uuid.UUID | None,
    gtin: str,
    serial: str,
    channel: str,
    place: Place,
    found: list[Finding],
) -> LabelScan:
    row = LabelScan(
        id=new_id(),
        label_id=label_id,
        gtin=gtin,
        serial=serial,
        channel=channel,
        city=place.city,
        north_tenths=place.north_tenths,
        east_tenths=place.east_tenths,
        findings=[str(each) for each in found],
        at=ctx.now,
    )
    session.add(row)
    session.flush()
    after = {"serial": serial, "findings": row.findings}
    audit.record(session, ctx, "label.scan", subject=("label_scan", row.id), after=after)
    return row
