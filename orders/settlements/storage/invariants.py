"""What must be true of storage bills and their parts at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="SB1",
        says=Text(
            en="The parts of a parted storage bill add up to it, in money and in grams times days, each less than a"
            " unit from its exact one.",
            zh="仓储账单各分摊额与克·天之和等于账单，每份与精确值相差不足一个最小单位。",
        ),
        sql="""
            SELECT b.id, b.name, b.state, b.amount_minor, b.gram_days, p.minor, p.gram_days AS parted
            FROM storage_bill b LEFT JOIN (
                SELECT bill_id, sum(amount_minor) AS minor, sum(gram_days) AS gram_days FROM storage_part GROUP BY 1
            ) p ON p.bill_id = b.id
            WHERE (b.parted_at IS NOT NULL) <> (p.bill_id IS NOT NULL)
                OR (p.minor, p.gram_days) IS DISTINCT FROM
                    (CASE WHEN b.parted_at IS NOT NULL THEN b.amount_minor END, b.gram_days)
                OR EXISTS (SELECT FROM storage_part x WHERE x.bill_id = b.id AND
                    abs(b.amount_minor::numeric * x.gram_days - x.amount_minor::numeric * b.gram_days) >= b.gram_days)
        """,
    ),
    Invariant(
        id="SB2",
        says=Text(
            en="Grams times days of a part are what the journals of the cooperative's lots say, and nobody is left"
            " out.",
            zh="各份克·天与该合作社批次流水一致，且无遗漏。",
        ),
        sql="""
            WITH level AS (
                SELECT DISTINCT ON (b.id, m.lot_id, (m.at AT TIME ZONE 'UTC')::date) b.id AS bill_id, b.starts_on,
                    b.ends_on + 1 AS until, l.cooperative_id, m.lot_id, (m.at AT TIME ZONE 'UTC')::date AS day,
                    m.on_hand_grams AS grams
                FROM storage_bill b JOIN lot l ON l.cold_store_id = b.cold_store_id JOIN movement m ON m.lot_id = l.id
                WHERE b.state = 'parted' AND m.on_hand_delta_grams <> 0
                    AND (m.at AT TIME ZONE 'UTC')::date <= b.ends_on
                ORDER BY b.id, m.lot_id, (m.at AT TIME ZONE 'UTC')::date, m.number DESC
            ), days AS (
                SELECT bill_id, cooperative_id, grams, day,
                    generate_series(greatest(day, starts_on), coalesce(lead(day) OVER (PARTITION BY bill_id, lot_id
                        ORDER BY day), until) - 1, interval '1 day') AS lying_on
                FROM level
            ), lain AS (
                SELECT bill_id, cooperative_id, sum(grams) AS gram_days FROM days WHERE grams > 0 GROUP BY 1, 2
            ), parts AS (
                SELECT p.bill_id, p.cooperative_id, p.gram_days FROM storage_part p
                JOIN storage_bill b ON b.id = p.bill_id AND b.state = 'parted'
            )
            SELECT coalesce(p.bill_id, l.bill_id) AS bill_id, coalesce(p.cooperative_id, l.cooperative_id)
                AS cooperative_id, p.gram_days, l.gram_days AS lain
            FROM parts p FULL JOIN lain l ON l.bill_id = p.bill_id AND l.cooperative_id = p.cooperative_id
            WHERE p.gram_days IS DISTINCT FROM l.gram_days
        """,
    ),
    Invariant(
        id="SB3",
        says=Text(
            en="A settlement that is no draft tells exactly the parts of storage bills that it has taken, each of its"
            " cooperative and currency; a draft has taken none.",
            zh="已提交的结算单所列仓储费与其计入的分摊一致，且合作社、币种相符；草稿不占用分摊。",
        ),
        sql="""
            WITH told AS (
                SELECT s.id, s.cooperative_id, s.currency, line ->> 'reference' AS bill,
                    -(line ->> 'amount_minor')::bigint AS minor
                FROM settlement s, jsonb_array_elements(s.told::jsonb -> 'lines') AS line
                WHERE s.state <> 'draft' AND line ->> 'kind' = 'storage'
            ), taken AS (
                SELECT p.settlement_id AS id, p.cooperative_id, p.currency, b.name AS bill, p.amount_minor AS minor
                FROM storage_part p JOIN storage_bill b ON b.id = p.bill_id WHERE p.state = 'taken'
            )
            SELECT coalesce(t.id, k.id) AS id, coalesce(t.bill, k.bill) AS bill, t.minor, k.minor AS taken
            FROM told t FULL JOIN taken k USING (id, cooperative_id, currency, bill)
            WHERE t.minor IS DISTINCT FROM k.minor
        """,
    ),
    Invariant(
        id="SB4",
        says=Text(
            en="Parts of a bill that is withdrawn are taken by nobody; of one that is not, none is withdrawn.",
            zh="已撤回账单的分摊无人计入；未撤回账单的分摊均有效。",
        ),
        sql="""
            SELECT b.id, b.name, b.state, p.id AS part_id, p.state AS part FROM storage_bill b
            JOIN storage_part p ON p.bill_id = b.id
            WHERE (b.state = 'withdrawn') <> (p.state = 'withdrawn')
        """,
    ),
)
