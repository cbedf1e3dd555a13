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
            en="Each repair of a lot is a line of its journal, and each such line a repair.",
            zh="批次的每次修复都有流水，每条修复流水都有修复记录。",
        ),
        sql="""
            SELECT f.id, p.movement_id AS line FROM reconciliation_repair p
            JOIN reconciliation_finding f ON f.id = p.finding_id
            LEFT JOIN movement m ON m.id = p.movement_id AND m.kind = 'reconciled' AND m.lot_id = f.subject_id
            WHERE (f.subject_kind = 'lot') <> (m.id IS NOT NULL)
            UNION ALL
            SELECT m.lot_id, m.id FROM movement m WHERE m.kind = 'reconciled'
            AND NOT EXISTS (SELECT FROM reconciliation_repair p WHERE p.movement_id = m.id)
        """,
    ),
)
