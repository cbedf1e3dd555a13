"""What must be true of what carriers said at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="CT1",
        says=Text(
            en="A parcel of which its carrier says that it has arrived has, unless it was refunded as missing before;"
            " of none that is still here is more said than its number.",
            zh="承运人已报送达的包裹均为已送达，此前已按未收到退款的除外；未发出的包裹除运单号外没有其他回执。",
        ),
        sql="""
            SELECT t.id, t.status, p.id AS parcel_id, p.state FROM parcel_tracking t
            JOIN parcel p ON p.id = t.parcel_id
            WHERE t.status = 'delivered' AND p.state NOT IN ('delivered', 'lost')
                OR t.status <> 'announced' AND p.state NOT IN ('shipped', 'delivered', 'lost')
        """,
    ),
)
