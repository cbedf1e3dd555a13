"""What must be true of hand-overs at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="HO1",
        says=Text(
            en="A hand-over's numbers are those of its parcels, and all of them have left with its carrier, but those"
            " whose dispatch was undone.",
            zh="交接单的统计与其包裹一致，且除已撤销发货者外均由该承运人取走。",
        ),
        sql="""
            SELECT h.id, h.parcels, h.boxes, h.quantity_grams, h.pallets, p.* FROM hand_over h LEFT JOIN (
                SELECT i.hand_over_id, count(*) AS counted, sum(p.boxes) AS in_parcels,
                    sum(p.boxes * p.pack_grams) AS grams, count(DISTINCT i.pallet_id) AS on_pallets,
                    count(*) FILTER (WHERE i.undone_at IS NULL) AS left_with_it,
                    count(*) FILTER (WHERE i.undone_at IS NULL AND p.carrier = o.carrier
                        AND p.state IN ('shipped', 'delivered', 'lost')) AS gone
                FROM hand_over_parcel i JOIN parcel p ON p.id = i.parcel_id
                JOIN hand_over o ON o.id = i.hand_over_id GROUP BY i.hand_over_id
            ) p ON p.hand_over_id = h.id
            WHERE (h.parcels, h.boxes, h.quantity_grams, h.pallets, p.left_with_it)
                IS DISTINCT FROM (p.counted, p.in_parcels, p.grams, p.on_pallets, p.gone)
        """,
    ),
)
