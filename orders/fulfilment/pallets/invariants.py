"""What must be true of pallets at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="PT1",
        says=Text(
            en="A parcel lies on one pallet at most, of its own cooperative, and on none that is broken.",
            zh="每个包裹最多在一个托盘上，且属于同一合作社；已拆托盘上没有包裹。",
        ),
        sql="""
            SELECT lies.parcel_id, lies.pallet_id, t.state FROM pallet_parcel lies
            JOIN pallet t ON t.id = lies.pallet_id JOIN parcel p ON p.id = lies.parcel_id
            WHERE lies.off_at IS NULL AND (
                t.state = 'broken' OR p.cooperative_id <> t.cooperative_id OR EXISTS (
                    SELECT FROM pallet_parcel other WHERE other.parcel_id = lies.parcel_id
                        AND other.off_at IS NULL AND other.pallet_id <> lies.pallet_id
                )
            )
        """,
    ),
    Invariant(
        id="PT2",
        says=Text(
            en="On a closed pallet lies what it was closed with; it leaves with its pallet, by the same hand-over.",
            zh="封托后托盘上的包裹不变，并随托盘以同一交接单发出。",
        ),
        sql="""
            SELECT t.id, t.state, p.id AS parcel_id, p.state AS parcel_state FROM pallet_parcel lies
            JOIN pallet t ON t.id = lies.pallet_id JOIN parcel p ON p.id = lies.parcel_id
            WHERE lies.off_at IS NULL AND CASE
                WHEN t.shipped_at IS NULL THEN p.state <> 'packed'
                ELSE p.state NOT IN ('shipped', 'delivered', 'lost') OR NOT EXISTS (
                    SELECT FROM hand_over_parcel h
                    WHERE h.parcel_id = p.id AND h.pallet_id = t.id AND h.hand_over_id = t.hand_over_id
                )
            END
            UNION ALL
            SELECT t.id, t.state, NULL, 'parcels ' || t.parcels FROM pallet t
            WHERE t.state IN ('closed', 'shipped', 'arrived') AND t.parcels <> (
                SELECT count(*) FROM pallet_parcel lies WHERE lies.pallet_id = t.id AND lies.off_at IS NULL
            )
        """,
    ),
    Invariant(
        id="PT3",
        says=Text(
            en="Each step of a pallet from its closing on is told in the chain, and so is each parcel on it.",
            zh="托盘自封托起的每一步及其上每个包裹都有追溯事件。",
        ),
        sql="""
            SELECT t.id, step.name AS missing FROM pallet t CROSS JOIN LATERAL (VALUES
                ('packing', 'packing', 'pa', t.closed_at),
                ('shipping', 'shipping', 'ob', t.shipped_at),
                ('arriving', 'receiving', 'ob', t.arrived_at),
                ('unpacking', 'unpacking', 'pa', CASE WHEN t.closed_at IS NOT NULL THEN t.broken_at END)
            ) AS step (name, also, role, at)
            WHERE step.at IS NOT NULL AND NOT EXISTS (
                SELECT FROM trace_mention m JOIN trace_event e USING (county_id, number)
                WHERE m.key = t.link AND m.role = step.role AND e.biz_step IN (step.name, step.also)
            )
            UNION ALL
            SELECT t.id, 'parcels' FROM pallet t WHERE t.parcels <> (
                SELECT count(DISTINCT child.key) FROM trace_mention m
                JOIN trace_event e ON e.county_id = m.county_id AND e.number = m.number AND e.biz_step = 'packing'
                JOIN trace_mention child ON child.county_id = m.county_id AND child.number = m.number
                    AND child.role = 'ch'
                WHERE m.key = t.link AND m.role = 'pa'
            )
        """,
    ),
)
