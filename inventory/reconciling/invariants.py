"""What must be true of reconciliations at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="R1",
        says=Text(
            en="A reconciliation has as many findings as differences, numbered without gaps.",
            zh="对账差异数等于其差异记录数，编号连续。",
        ),
        sql="""
            SELECT r.id, r.differences, count(f.id) AS findings, max(f.number) AS last FROM reconciliation r
            LEFT JOIN reconciliation_finding f ON f.reconciliation_id = r.id GROUP BY r.id
            HAVING count(f.id) <> r.differences OR coalesce(max(f.number), 0) <> r.differences
        """,
    ),
    Invariant(
        id="R2",
        says=Text(
            en="A finding's case is about the same lot or pool.", zh="差异对应的事项与其批次或货源池一致。"
        ),
        sql="""
            SELECT f.id, f.subject_id, k.kind, k.subject_id AS of_case FROM reconciliation_finding f
            JOIN "case" k ON k.id = f.case_id
            WHERE (k.kind, k.subject_kind, k.subject_id) <> ('reconciliation', f.subject_kind, f.subject_id)
        """,
    ),
    Invariant(
        id="R3",
        says=Text(
            en="Each repair is a line in the journal of its lot or pool, and each such line a repair.",
            zh="批次与货源池的每次修复都有流水，每条修复流水都有修复记录。",
        ),
        sql="""
            SELECT f.subject_kind, f.subject_id, coalesce(m.number, n.number) AS line FROM reconciliation_repair p
            JOIN reconciliation_finding f ON f.id = p.finding_id
            LEFT JOIN movement m ON m.id = p.movement_id
            LEFT JOIN pool_movement n ON n.pool_id = p.pool_id AND n.number = p.pool_line_number
            WHERE (coalesce(m.kind, n.kind), f.subject_kind, f.subject_id) IS DISTINCT FROM
                ('reconciled', CASE WHEN m.id IS NULL THEN 'pool' ELSE 'lot' END, coalesce(m.lot_id, n.pool_id))
            UNION ALL
            SELECT 'lot', m.lot_id, m.number FROM movement m WHERE m.kind = 'reconciled'
            AND NOT EXISTS (SELECT FROM reconciliation_repair p WHERE p.movement_id = m.id)
            UNION ALL
            SELECT 'pool', m.pool_id, m.number FROM pool_movement m WHERE m.kind = 'reconciled'
            AND NOT EXISTS (SELECT FROM reconciliation_repair p
                WHERE p.pool_id = m.pool_id AND p.pool_line_number = m.number)
        """,
    ),
)
