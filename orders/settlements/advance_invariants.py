"""What must be true of advances at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="AV1",
        says=Text(
            en="What is outstanding of an advance is what was paid less what is repaid or came back, line by line.",
            zh="每笔预付款的未抵扣余额等于已付减去已抵扣与退回，逐行相符，编号连续。",
        ),
        sql="""
            SELECT a.id, a.state, a.outstanding_minor, a.lines, l.number FROM advance a LEFT JOIN (
                SELECT advance_id, number, outstanding_minor,
                    sum(CASE WHEN kind IN ('paid', 'undone') THEN amount_minor ELSE -amount_minor END)
                        OVER life AS so_far,
                    row_number() OVER life AS place, count(*) OVER (PARTITION BY advance_id) AS lines
                FROM advance_line WINDOW life AS (PARTITION BY advance_id ORDER BY number)
            ) l ON l.advance_id = a.id
            WHERE coalesce(l.lines, 0) <> a.lines OR l.number <> l.place OR l.outstanding_minor <> l.so_far
            OR (l.place = l.lines AND l.so_far <> a.outstanding_minor)
            OR (l.number IS NULL AND a.outstanding_minor <> 0)
        """,
    ),
    Invariant(
        id="AV2",
        says=Text(
            en="What a cooperative is promised and has outstanding is the sum of its advances.",
            zh="合作社已批准未付与未抵扣的预付款等于其各笔预付款之和。",
        ),
        sql="""
            SELECT coalesce(s.cooperative_id, a.cooperative_id) AS cooperative,
                coalesce(s.currency, a.currency) AS currency, s.promised_minor, a.promised,
                s.outstanding_minor, a.outstanding
            FROM advance_standing s FULL JOIN (
                SELECT cooperative_id, currency, sum(outstanding_minor) AS outstanding,
                    coalesce(sum(amount_minor) FILTER (WHERE state = 'granted'), 0) AS promised
                FROM advance GROUP BY cooperative_id, currency
            ) a ON a.cooperative_id = s.cooperative_id AND a.currency = s.currency
            WHERE coalesce(s.promised_minor, 0) <> coalesce(a.promised, 0)
            OR coalesce(s.outstanding_minor, 0) <> coalesce(a.outstanding, 0)
        """,
    ),
    Invariant(
        id="AV3",
        says=Text(
            en="By the ledger a cooperative has been advanced exactly what is outstanding of its advances.",
            zh="总账中各合作社的预付款余额等于其未抵扣预付款。",
        ),
        sql="""
            SELECT coalesce(s.cooperative_id, l.owner_id) AS cooperative, coalesce(s.currency, l.currency) AS currency,
                s.outstanding_minor, l.booked
            FROM advance_standing s FULL JOIN (
                SELECT a.owner_id, a.currency, sum(b.debits_posted - b.credits_posted) AS booked
                FROM ledger_account a JOIN ledger_balance b ON b.account_id = a.id
                WHERE a.code = 'coop_prepaid' GROUP BY a.owner_id, a.currency
            ) l ON l.owner_id = s.cooperative_id AND l.currency = s.currency
            WHERE coalesce(s.outstanding_minor, 0) <> coalesce(l.booked, 0)
        """,
    ),
    Invariant(
        id="AV4",
        says=Text(
            en="Who granted an advance is somebody else than who asked for it, as the audit trail tells of both.",
            zh="批准预付款者与申请者不是同一人，且均有审计记录。",
        ),
        sql="""
            SELECT a.id, a.state, a.asked_by, a.decided_by FROM advance a
            WHERE a.state IN ('granted', 'paid', 'repaid') AND (a.decided_by = a.asked_by
                OR NOT EXISTS (SELECT FROM audit_entry e WHERE e.subject_kind = 'advance' AND e.subject_id = a.id::text
                    AND e.action = 'advance.ask' AND e.actor = a.asked_by)
                OR NOT EXISTS (SELECT FROM audit_entry e WHERE e.subject_kind = 'advance' AND e.subject_id = a.id::text
                    AND e.action = 'advance.granted' AND e.actor = a.decided_by AND e.actor <> a.asked_by))
        """,
    ),
    Invariant(
        id="AV5",
        says=Text(
            en="A granted advance has its payout on the way, one that is paid or repaid has it paid; of the same sum.",
            zh="已批准的预付款有进行中的付款单，已付与已抵扣的付款单已付款，金额一致。",
        ),
        sql="""
            SELECT a.id, a.state, p.state AS payout FROM advance a LEFT JOIN payout p ON p.id = a.payout_id
            WHERE a.payout_id IS NOT NULL AND NOT coalesce((p.purpose, p.purpose_id, p.cooperative_id) =
                    ('advance', a.id, a.cooperative_id)
                AND (p.amount_minor, p.currency) = (a.amount_minor, a.currency)
                AND CASE a.state WHEN 'granted' THEN p.state IN ('drafted', 'approved', 'sent')
                    ELSE p.state = 'paid' END, false)
        """,
    ),
)
