"""Endpoints: where a cooperative, or the marketplace itself, wants to be told. Registered, edited, disabled, removed.

A secret is shown once, when it is made, and kept sealed, for signing needs it back. For a while after a new one was
made the old one signs too, so that a receiver can change over without losing a message.
"""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.orm import Session

from marketplace import audit, errors, events, sealed, turns
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.language import Text
from marketplace.outbound import client as outbound
from marketplace.outbound import rules as outbound_rules
from marketplace.resealing import context_of
from marketplace.values import new_id
from marketplace.webhooks import outbox
from marketplace.webhooks.catalogue import BY_NAME
from marketplace.webhooks.models import SEALED_AS, Delivery, Endpoint, Secret
from marketplace.webhooks.rules import WELL, DeliveryState, DisabledReason, EndpointState, Health
from marketplace.webhooks.signing import SECRET_BYTES, secret_text

ENDPOINTS_MAX: Final = 10
SECRETS_MAX: Final = 3
OVERLAP_HOURS_MAX: Final = 168


class EndpointNotFound(errors.NotFound):
    title = Text(en="There is no such webhook endpoint.", zh="没有该 webhook 端点。")


class TooManyEndpoints(errors.Conflict):
    """An owner has at most ten endpoints; remove one first."""

    title = Text(en="There are too many webhook endpoints already.", zh="webhook 端点数量已达上限。")


class EventNotForCooperatives(errors.Conflict):
    """The event is never about one cooperative: only the marketplace's own endpoints can ask for it."""

    title = Text(en="A cooperative is not told of that event.", zh="合作社不接收该事件。")


class EndpointDisabled(errors.Conflict):
    """Nothing is sent to a disabled endpoint; enable it first."""

    title = Text(en="The webhook endpoint is disabled.", zh="该 webhook 端点已停用。")


class EndpointEnabled(errors.Conflict):
    """It is enabled already."""

    title = Text(en="The webhook endpoint is enabled already.", zh="该 webhook 端点已启用。")


class TooManySecrets(errors.Conflict):
    """Three secrets sign already; wait until the oldest ends, or end the old ones at once (overlap_hours 0)."""

    title = Text(en="Too many secrets sign already.", zh="同时有效的密钥过多。")


class SecretUnreadable(errors.Conflict):
    """The endpoint has no secret that can still be opened: make a new one first."""

    title = Text(en="The endpoint's secret cannot be read any more.", zh="该端点的密钥已无法读取。")


@dataclass(frozen=True, slots=True, kw_only=True)
class DisabledBySystem:
    """An endpoint is told nothing any more, and nobody asked for that."""

    endpoint_id: uuid.UUID
    cooperative_id: uuid.UUID | None
    reason: DisabledReason


def register(
    session: Session,
    ctx: Context,
    *,
    url: str,
    events: Sequence[str],
    description: str,
    cooperative_id: uuid.UUID | None = None,
) -> tuple[Endpoint, str]:
    """A new endpoint and its secret in clear, which nobody can look up later.

    Raises UrlNotAllowed, CooperativeNotFound, EventNotForCooperatives, TooManyEndpoints.
    """
    _check_owner(session, ctx, cooperative_id)
    target = outbound_rules.read_url(url, ports=outbound.allowed_ports())
    _check_events(events, cooperative_id)
    _lock_owner(session, cooperative_id)
    if _count(session, cooperative_id) >= ENDPOINTS_MAX:
        raise TooManyEndpoints(endpoints_max=ENDPOINTS_MAX)
    endpoint = Endpoint(
        id=new_id(),
        cooperative_id=cooperative_id,
        url=target.url,
        description=description,
        events=sorted(set(events)),
        state=EndpointState.ENABLED,
        disabled_reason=None,
        disabled_at=None,
        failures_in_row=0,
        failing_since=None,
        rests_until=None,
        created_at=ctx.now,
        version=1,
    )
    session.add(endpoint)
    session.flush()
    clear = _new_secret(session, ctx, endpoint, number=1)
    _audit(session, ctx, endpoint, "register", after=_told(endpoint))
    return endpoint, clear


def edit(
    session: Session, ctx: Context, *, endpoint: Endpoint, url: str, events: Sequence[str], description: str
) -> Endpoint:
    """Other words, another address, other events, from now on. Raises UrlNotAllowed, EventNotForCooperatives."""
    target = outbound_rules.read_url(url, ports=outbound.allowed_ports())
    _check_events(events, endpoint.cooperative_id)
    before = _told(endpoint)
    if target.url != endpoint.url:
        set_health(endpoint, WELL)
        outbox.wake(session, [endpoint.id])
    endpoint.url, endpoint.events, endpoint.description = target.url, sorted(set(events)), description
    endpoint.version += 1
    _audit(session, ctx, endpoint, "edit", before=before, after=_told(endpoint))
    return endpoint


def rotate(
    session: Session, ctx: Context, *, endpoint_id: uuid.UUID, overlap_hours: int
) -> tuple[Endpoint, str]:
    """A new secret, in clear; the ones before it sign along for so many hours.

    Raises EndpointNotFound, TooManySecrets.
    """
    endpoint = get(session, ctx, endpoint_id=endpoint_id, locked=True)
    live = live_secrets(session, ctx, endpoint_id=endpoint.id)
    if overlap_hours and len(live) >= SECRETS_MAX:
        raise TooManySecrets(secrets_max=SECRETS_MAX)
    end = ctx.now + timedelta(hours=overlap_hours)
    for secret in live:
        secret.expires_at = min(secret.expires_at or end, end)
    number = _numbers(session, endpoint.id) + 1
    clear = _new_secret(session, ctx, endpoint, number=number)
    over = (Secret.endpoint_id == endpoint.id, Secret.expires_at <= ctx.now)
    session.execute(delete(Secret).where(*over))  # nothing is signed with them any more: not to be kept
    endpoint.version += 1
    _audit(session, ctx, endpoint, "rotate", after={"number": number, "overlap_hours": overlap_hours})
    return endpoint, clear


def disable(session: Session, ctx: Context, *, endpoint_id: uuid.UUID) -> Endpoint:
    """Stop telling it; what waits goes on waiting. Raises EndpointNotFound, EndpointDisabled."""
    endpoint = get(session, ctx, endpoint_id=endpoint_id, locked=True)
    if endpoint.state == EndpointState.DISABLED:
        raise EndpointDisabled
    _disable(session, ctx, endpoint, DisabledReason.BY_HAND)
    return endpoint


def disable_by_system(session: Session, ctx: Context, *, endpoint: Endpoint, reason: DisabledReason) -> None:
    """The locked endpoint does not take what it is sent: its owner's other endpoints and the marketplace are told."""
    _disable(session, ctx, endpoint, reason)
    session.flush()
    outbox.tell(
        session,
        ctx,
        "webhook_endpoint.disabled",
        data={"endpoint_id": endpoint.id, "reason": str(reason)},
        cooperative_ids=[endpoint.cooperative_id],
    )
    events.publish(
        session,
        ctx,
        DisabledBySystem(endpoint_id=endpoint.id, cooperative_id=endpoint.cooperative_id, reason=reason),
    )


def enable(session: Session, ctx: Context, *, endpoint_id: uuid.UUID) -> Endpoint:
    """Tell it again, as one that is well. Raises EndpointNotFound, EndpointEnabled, SecretUnreadable."""
    endpoint = get(session, ctx, endpoint_id=endpoint_id, locked=True)
    if endpoint.state == EndpointState.ENABLED:
        raise EndpointEnabled
    try:
        keys_of(session, ctx, endpoint_id=endpoint.id)
    except sealed.SealBroken:
        raise SecretUnreadable from None
    endpoint.state = EndpointState.ENABLED
    endpoint.disabled_reason = endpoint.disabled_at = None
    endpoint.version += 1
    set_health(endpoint, WELL)
    outbox.wake(session, [endpoint.id])
    _audit(session, ctx, endpoint, "enable")
    return endpoint


def remove(session: Session, ctx: Context, *, endpoint_id: uuid.UUID) -> None:
    """For good: its secrets are forgotten, what waits is given up. Raises EndpointNotFound."""
    endpoint = get(session, ctx, endpoint_id=endpoint_id, locked=True)
    endpoint.state = EndpointState.REMOVED
    endpoint.disabled_reason = endpoint.disabled_at = None
    endpoint.version += 1
    session.execute(delete(Secret).where(Secret.endpoint_id == endpoint.id))
    session.execute(
        update(Delivery)
        .where(Delivery.endpoint_id == endpoint.id, Delivery.state == DeliveryState.WAITING)
        .values(state=DeliveryState.DEAD)
    )
    _audit(session, ctx, endpoint, "remove")


def try_out(session: Session, ctx: Context, *, endpoint_id: uuid.UUID) -> Delivery:
    """Send it a message that says nothing. Raises EndpointNotFound, EndpointDisabled."""
    endpoint = enabled(session, ctx, endpoint_id=endpoint_id)
    _audit(session, ctx, endpoint, "try_out")
    return outbox.tell_one(session, ctx, "webhook.test", data={"endpoint_id": endpoint.id}, endpoint=endpoint)


def visible(ctx: Context) -> Select[Endpoint]:
    """The endpoints that the actor may see: its cooperatives', or everybody's for staff."""
    there = select(Endpoint).where(Endpoint.state != EndpointState.REMOVED)
    if ctx.actor.has(*STAFF, Role.SYSTEM):
        return there
    return there.where(Endpoint.cooperative_id.in_(sorted(ctx.actor.cooperative_ids)))


def get(session: Session, ctx: Context, *, endpoint_id: uuid.UUID, locked: bool = False) -> Endpoint:
    """Raises EndpointNotFound, for a foreign one too."""
    statement = visible(ctx).where(Endpoint.id == endpoint_id)
    if locked:
        statement = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = session.scalar(statement)
    if found is None:
        raise EndpointNotFound
    return found


def enabled(session: Session, ctx: Context, *, endpoint_id: uuid.UUID) -> Endpoint:
    """The locked endpoint, if it is told anything; what a person asks for ends its rest.

    Raises EndpointNotFound, EndpointDisabled.
    """
    endpoint = get(session, ctx, endpoint_id=endpoint_id, locked=True)
    if endpoint.state != EndpointState.ENABLED:
        raise EndpointDisabled(disabled_reason=endpoint.disabled_reason)
    endpoint.rests_until = None
    return endpoint


def live_secrets(session: Session, ctx: Context, *, endpoint_id: uuid.UUID) -> Sequence[Secret]:
    """Those that sign now, the newest first."""
    return session.scalars(
        select(Secret)
        .where(
            Secret.endpoint_id == endpoint_id, or_(Secret.expires_at.is_(None), Secret.expires_at > ctx.now)
        )
        .order_by(Secret.number.desc())
        .execution_options(populate_existing=True)
    ).all()


def keys_of(session: Session, ctx: Context, *, endpoint_id: uuid.UUID) -> list[bytes]:
    """The secrets that sign now, opened. Raises SealBroken."""
    found = live_secrets(session, ctx, endpoint_id=endpoint_id)
    return [sealed.unseal(each.sealed, context=_context(endpoint_id, each.number)) for each in found]


def set_health(endpoint: Endpoint, health: Health) -> None:
    endpoint.failures_in_row = health.failures_in_row
    endpoint.failing_since = health.failing_since
    endpoint.rests_until = health.rests_until


def _disable(session: Session, ctx: Context, endpoint: Endpoint, reason: DisabledReason) -> None:
    endpoint.state = EndpointState.DISABLED
    endpoint.disabled_reason, endpoint.disabled_at = reason, ctx.now
    endpoint.version += 1
    _audit(session, ctx, endpoint, "disable", after={"reason": str(reason)})


def _check_owner(session: Session, ctx: Context, cooperative_id: uuid.UUID | None) -> None:
    """Members register for their own cooperative, operators for anybody or the marketplace."""
    is_operator = ctx.actor.has(Role.OPERATOR, Role.SYSTEM)
    if cooperative_id is None:
        if not is_operator:
            raise cooperatives.CooperativeNotFound
        return
    if not is_operator and not ctx.actor.belongs_to(cooperative_id):
        raise cooperatives.CooperativeNotFound
    cooperatives.get(session, cooperative_id=cooperative_id)


def _check_events(names: Sequence[str], cooperative_id: uuid.UUID | None) -> None:
    foreign = sorted({name for name in names if not BY_NAME[name].for_cooperatives})
    if cooperative_id is not None and foreign:
        raise EventNotForCooperatives(events=foreign)


def _count(session: Session, cooperative_id: uuid.UUID | None) -> int:
    return session.execute(
        select(func.count())
        .select_from(Endpoint)
        .where(
            Endpoint.cooperative_id.is_not_distinct_from(cooperative_id),
            Endpoint.state != EndpointState.REMOVED,
        )
    ).scalar_one()


def _lock_owner(session: Session, cooperative_id: uuid.UUID | None) -> None:
    """One registration at a time for an owner, so that counting sees every other."""
    turns.take(session, f"webhook-owner\n{cooperative_id}")


def _numbers(session: Session, endpoint_id: uuid.UUID) -> int:
    last = session.scalar(select(func.max(Secret.number)).where(Secret.endpoint_id == endpoint_id))
    return last or 0


def _new_secret(session: Session, ctx: Context, endpoint: Endpoint, *, number: int) -> str:
    key = secrets.token_bytes(SECRET_BYTES)
    session.add(
        Secret(
            endpoint_id=endpoint.id,
            number=number,
            sealed=sealed.seal(key, context=_context(endpoint.id, number)),
            created_at=ctx.now,
            expires_at=None,
        )
    )
    session.flush()
    return secret_text(key)


def _context(endpoint_id: uuid.UUID, number: int) -> str:
    return context_of(SEALED_AS, endpoint_id, number)


def _told(endpoint: Endpoint) -> dict[str, object]:
    return {"url": endpoint.url, "events": endpoint.events, "description": endpoint.description}


def _audit(
    session: Session,
    ctx: Context,
    endpoint: Endpoint,
    verb: str,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    audit.record(
        session,
        ctx,
        f"webhook_endpoint.{verb}",
        subject=("webhook_endpoint", endpoint.id),
        before=before,
        after=after,
    )
