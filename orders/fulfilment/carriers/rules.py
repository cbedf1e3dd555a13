"""Whether a carrier's word of a parcel can be taken. Pure.

What a carrier says of the past is written down also when it comes late; what cannot be is named, and changes nothing.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from marketplace.language import Text
from orders.fulfilment.states import GONE, ParcelState, TrackingStatus

AHEAD: Final = timedelta(minutes=15)
"""So far may a carrier's clock go before ours."""


class Unusable(StrEnum):
    """Why a report is not taken."""

    NO_PARCEL = "parcel_not_found"
    UNREADABLE = "unreadable"
    IN_FUTURE = "in_the_future"
    NO_NUMBER = "tracking_number_missing"
    OTHER_NUMBER = "tracking_number_differs"
    NOT_SENT = "not_sent_yet"
    ARRIVED = "arrived_already"


REASONS: Final[dict[Unusable, Text]] = {
    Unusable.NO_PARCEL: Text(en="There is no such parcel.", zh="没有该包裹。"),
    Unusable.UNREADABLE: Text(en="This line cannot be read.", zh="该行无法读取。"),
    Unusable.IN_FUTURE: Text(en="That moment has not come yet.", zh="该时刻尚未到来。"),
    Unusable.NO_NUMBER: Text(en="The tracking number is missing.", zh="缺少运单号。"),
    Unusable.OTHER_NUMBER: Text(
        en="The parcel travels under another tracking number.", zh="该包裹的运单号与此不同。"
    ),
    Unusable.NOT_SENT: Text(en="The parcel has not left its store.", zh="该包裹尚未发出。"),
    Unusable.ARRIVED: Text(
        en="The parcel has arrived; who says otherwise speaks to an operator.",
        zh="该包裹已送达；如有异议请联系运营人员。",
    ),
}
_AFTER_ARRIVAL: Final = frozenset({TrackingStatus.RETURNED, TrackingStatus.LOST})


def unusable(
    *,
    state: str,
    number: str | None,
    status: TrackingStatus,
    at: datetime,
    told_number: str | None,
    now: datetime,
) -> Unusable | None:
    """Why what a carrier says of a parcel in this state, with this number, cannot be taken; None if it can."""
    if at > now + AHEAD:
        return Unusable.IN_FUTURE
    if status == TrackingStatus.ANNOUNCED and told_number is None:
        return Unusable.NO_NUMBER
    if None not in (number, told_number) and number != told_number:
        return Unusable.OTHER_NUMBER
    if status != TrackingStatus.ANNOUNCED and state not in GONE:
        return Unusable.NOT_SENT
    if state == ParcelState.DELIVERED and status in _AFTER_ARRIVAL:
        return Unusable.ARRIVED
    return None
