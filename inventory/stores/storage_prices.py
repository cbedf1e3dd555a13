"""What a tonne costs for a day in a cold store: a row for each change, none is ever edited."""

import uuid
from datetime import date

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory.models import StoragePrice
from inventory.stores import cold_stores
from marketplace import audit, database, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id


class PriceDayTaken(errors.Conflict):
    """The cold store has a price from that day on already."""

    title = Text(en="There is a price from that day on already.", zh="该日起的价格已存在。")


class PriceCurrencyDiffers(errors.Conflict):
    """The cold store's prices are in another currency: costs in two currencies do not add up."""

    title = Text(en="The cold store's prices are in another currency.", zh="该冷库的价格使用其他币种。")


def set_price(
    session: Session,
    ctx: Context,
    *,
    cold_store_id: uuid.UUID,
    valid_from: date,
    minor_per_tonne_day: int,
    currency: str,
) -> StoragePrice:
    """From `valid_from` on until the next price's day; also for days that are over, where none was told.

    Raises ColdStoreNotFound, PriceDayTaken, PriceCurrencyDiffers.
    """
    cold_stores.get(session, cold_store_id=cold_store_id, locked=True)
    known = session.scalar(prices(cold_store_id).limit(1))
    if known is not None and known.currency != currency:
        raise PriceCurrencyDiffers(currency=known.currency)
    price = StoragePrice(
        id=new_id(),
        cold_store_id=cold_store_id,
        valid_from=valid_from,
        minor_per_tonne_day=minor_per_tonne_day,
        currency=currency,
        created_at=ctx.now,
    )
    session.add(price)
    with database.refusing({"uq_storage_price_cold_store_id_valid_from": PriceDayTaken()}):
        session.flush()
    after = {
        "valid_from": valid_from.isoformat(),
        "minor_per_tonne_day": minor_per_tonne_day,
        "currency": currency,
    }
    audit.record(session, ctx, "storage_price.set", subject=("cold_store", cold_store_id), after=after)
    return price


def prices(cold_store_id: uuid.UUID) -> Select[StoragePrice]:
    """All prices of the cold store."""
    return select(StoragePrice).where(StoragePrice.cold_store_id == cold_store_id)
