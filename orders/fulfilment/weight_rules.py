"""What boxes may weigh, and what goes back of the price of those that are too light. Pure; integers only."""

from typing import Final

from marketplace import errors
from marketplace.language import Text

LIGHT_PERMILLE: Final = 20
"""So much under its nominal weight a box may be: apples lose water on their way to the scale."""
UNLIKELY_PERMILLE: Final = 300
"""What is told to weigh so much more or less than its boxes should was typed or weighed wrongly."""
PERMILLE: Final = 1_000


class WeightUnlikely(errors.Conflict):
    """The told weight is too far from what the boxes should weigh (`nominal_grams`): weigh again."""

    title = Text(en="The weight is too far from the nominal one.", zh="称重与标称重量相差过大。")


def check_weight(weighed_grams: int, *, nominal_grams: int) -> None:
    """Raises WeightUnlikely."""
    if abs(weighed_grams - nominal_grams) * PERMILLE > nominal_grams * UNLIKELY_PERMILLE:
        raise WeightUnlikely(nominal_grams=nominal_grams)


def light_minor(price_minor: int, *, nominal_grams: int, weighed_grams: int) -> int:
    """What goes back of the price of boxes that weigh less than they should: by the missing grams, rounded up.

    Within the band nothing, over the nominal weight nothing: nobody ever pays for more.
    """
    missing = nominal_grams - weighed_grams
    if missing * PERMILLE <= nominal_grams * LIGHT_PERMILLE:
        return 0
    return min(price_minor, -(-price_minor * missing // nominal_grams))
