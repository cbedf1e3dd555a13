"""By when a later lot may be promised. Pure."""

from datetime import date, timedelta
from typing import Final

from marketplace import errors
from marketplace.language import Text

DAYS_MAX: Final = 60


class LaterLotDay(errors.Invalid):
    """A later lot comes on a day after today, within sixty days."""

    title = Text(en="A later lot comes within sixty days.", zh="后续批次须在六十天内到货。")


def check_day(on: date | None, *, today: date) -> None:
    """None: there is no later lot. Raises LaterLotDay."""
    if on is not None and not today < on <= today + timedelta(days=DAYS_MAX):
        raise LaterLotDay
