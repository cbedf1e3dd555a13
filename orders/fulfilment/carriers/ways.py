"""All ways to speak with carriers, by their codes."""

from typing import Final

from marketplace import errors
from marketplace.language import Text
from orders.fulfilment.carriers.interface import Carrier
from orders.fulfilment.carriers.offline import Offline
from orders.fulfilment.carriers.tables import Tables


class CarrierNotFound(errors.NotFound):
    title = Text(en="There is no such way to speak with a carrier.", zh="没有该承运方式。")


WAYS: Final[dict[str, Carrier]] = {each.code: each for each in (Offline(), Tables())}


def get(code: str) -> Carrier:
    """Raises CarrierNotFound."""
    try:
        return WAYS[code]
    except KeyError:
        raise CarrierNotFound from None
