"""The provisional tranche: a part of the forecast may be labelled before the weighing, and real credit replaces it."""

import uuid
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory.capacity.models import Capacity
from inventory.capacity.rules import CapacityState
from inventory.labels import accounts, credit_rules, land
from inventory.labels.models import LabelAccount
from inventory.labels.states import LineKind
from marketplace import audit, errors
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.language import Text


class ProvisionalGranted(errors.Conflict):
    """There is one provisional tranche for a season, and it was granted."""

    title = Text(en="The provisional credit was granted already.", zh="临时标签额度已发放。")


class NothingProvisional(errors.Conflict):
    """No forecast, no certified land, or all of it is earned already."""

    title = Text(en="There is nothing to grant before the weighing.", zh="称重前没有可发放的临时额度。")


def grant(
    session: Session, ctx: Context, *, cooperative_id: uuid.UUID, area_id: uuid.UUID, season: int
) -> LabelAccount:
    """Up to the season's share of the low forecast, or of what the certified land bears if that is less.

    Raises CooperativeNotFound, LabelAreaNotFound, LabelSeasonNotFound, ProvisionalGranted, NothingProvisional.
    """
    cooperatives.get(session, cooperative_id=cooperative_id)
    numbers = land.season(session, area_id=area_id, season=season)
    account = accounts.opened(session, ctx, cooperative_id=cooperative_id, area_id=area_id, season=season)
    if account.provisional_granted_grams is not None:
        raise ProvisionalGranted(provisional_grams=account.provisional_granted_grams)
    square_metres = land.certified_square_metres(
        session, cooperative_id=cooperative_id, area_id=area_id, season=season
    )
    forecast = session.scalar(
        select(func.coalesce(func.sum(Capacity.low_grams), 0)).where(
            Capacity.cooperative_id == cooperative_id,
            Capacity.state != CapacityState.CLOSED,
            Capacity.week_on.between(date(season, 1, 1), date(season, 12, 31)),
        )
    )
    grams = credit_rules.provisional_grams(
        int(forecast or 0),
        credit_rules.cap_grams(square_metres, numbers.ceiling_grams_per_hectare),
        numbers.provisional_permille,
        account.eligible_grams,
    )
    if grams == 0:
        raise NothingProvisional
    account.provisional_granted_grams = account.provisional_grams = grams
    accounts.post(session, ctx, account, LineKind.PROVISIONAL, grams)
    after = {"provisional_grams": grams}
    audit.record(session, ctx, "label_credit.grant", subject=("label_account", account.id), after=after)
    return account


def end(session: Session, ctx: Context, *, account_id: uuid.UUID) -> LabelAccount:
    """The harvest is in: what no real credit has replaced is taken back; what was printed of it is owed, with a case.

    Raises LabelAccountNotFound, NothingProvisional.
    """
    account = accounts.get(session, ctx, account_id=account_id, is_to_change=True)
    if account.provisional_grams == 0:
        raise NothingProvisional
    left = account.provisional_grams
    account.provisional_grams = 0
    accounts.post(session, ctx, account, LineKind.PROVISIONAL_REPLACED, -left, reason="the harvest is in")
    after = {"taken_back_grams": left}
    audit.record(session, ctx, "label_credit.end", subject=("label_account", account.id), after=after)
    return account
