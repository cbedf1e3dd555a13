"""A harvested presale with deposits whose fruit is partly stopped."""

from collections.abc import Callable, Sequence
from typing import Any

from campaigns import advancing
from inventory.quality import quality
from marketplace import database
from marketplace.access import Role
from tests.builders import Market
from tests.campaigns import presale
from tests.campaigns.presale import bought, now
from tests.campaigns.shortage.stage import Short, pledge
from tests.house import Caller


def harvested(
    market: Market,
    as_role: Callable[..., Caller],
    operator: Caller,
    boxes: Sequence[int],
    *,
    there: int,
    **item: Any,
) -> Short:
    """Sold to so many buyers by deposits; of the fruit only `there` boxes may leave the store."""
    sale = presale.on_sale(market, there, **item)
    stopped = pledge(market, sale, sum(boxes) - there)
    buyers = tuple(as_role(Role.SHOPPER) for _ in boxes)
    orders = tuple(bought(buyer, operator, sale, each) for buyer, each in zip(buyers, boxes, strict=True))
    presale.harvested(market, sale)
    as_operator = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    database.transact(
        lambda session: quality.recall(session, as_operator, lot_id=stopped.id, reason="residues")
    )
    return Short(market=market, sale=sale, buyers=buyers, orders=orders, lots=(stopped,))


def advance(short: Short) -> str:
    """The clock's step; the campaign's state after it."""
    return database.transact(
        lambda session: advancing.advance(session, now(short.market), campaign_id=str(short.sale.campaign_id))
    )
