"""What must be true of the ledger at any moment. That it tells of every payment, the packages above promise."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="L1",
        says=Text(en="Every transfer's debits and credits are the same sum.", zh="每笔记账借贷相等。"),
        sql="""
            SELECT t.id, t.kind, a.currency,
                sum(CASE e.side WHEN 'debit' THEN e.amount_minor ELSE -e.amount_minor END) AS left_over
            FROM ledger_transfer t JOIN ledger_entry e ON e.transfer_id = t.id
            JOIN ledger_account a ON a.id = e.account_id
            GROUP BY t.id, a.currency
            HAVING sum(CASE e.side WHEN 'debit' THEN e.amount_minor ELSE -e.amount_minor END) <> 0
        """,
    ),
    Invariant(
        id="L2",
        says=Text(
            en="A transfer has two entries or more, numbered without gaps, each of its own phase and instant and on an"
            " account of its currency.",
            zh="每笔记账至少两条分录，编号连续，阶段、时间与币种均与其一致。",
        ),
        sql="""
            SELECT t.id, t.kind, count(e.number) AS entries FROM ledger_transfer t
            LEFT JOIN ledger_entry e ON e.transfer_id = t.id LEFT JOIN ledger_account a ON a.id = e.account_id
            GROUP BY t.id
            HAVING count(e.number) < 2 OR max(e.number) <> count(e.number)
                OR NOT bool_and(a.currency = t.currency AND e.phase = t.phase AND e.at = t.at)
        """,
    ),
    Invariant(
        id="L3",
        says=Text(
            en="Kept balances are the sums of the entries, and no account with a floor is below zero.",
            zh="账户余额等于分录之和；设有下限的账户不为负。",
        ),
        sql="""
            WITH told AS (
                SELECT e.account_id,
                    CASE WHEN e.phase IN ('single', 'post') AND e.side = 'debit' THEN e.amount_minor ELSE 0 END AS dp,
                    CASE WHEN e.phase IN ('single', 'post') AND e.side = 'credit' THEN e.amount_minor ELSE 0 END AS cp,
                    CASE WHEN e.phase = 'pending' AND e.side = 'debit' AND o.id IS NULL THEN e.amount_minor
                        ELSE 0 END AS dr,
                    CASE WHEN e.phase = 'pending' AND e.side = 'credit' AND o.id IS NULL THEN e.amount_minor
                        ELSE 0 END AS cr
                FROM ledger_entry e LEFT JOIN ledger_transfer o ON e.phase = 'pending' AND o.pending_id = e.transfer_id
            ), entries AS (
                SELECT account_id, sum(dp) AS dp, sum(cp) AS cp, sum(dr) AS dr, sum(cr) AS cr FROM told
                GROUP BY account_id
            ), kept AS (
                SELECT account_id, sum(debits_posted) AS dp, sum(credits_posted) AS cp, sum(debits_pending) AS dr,
                    sum(credits_pending) AS cr FROM ledger_balance GROUP BY account_id
            )
            SELECT a.id, a.code, k.dp AS debits, e.dp AS debits_told, k.cp AS credits, e.cp AS credits_told
            FROM ledger_account a LEFT JOIN kept k ON k.account_id = a.id LEFT JOIN entries e ON e.account_id = a.id
            WHERE (coalesce(k.dp, 0), coalesce(k.cp, 0), coalesce(k.dr, 0), coalesce(k.cr, 0))
                <> (coalesce(e.dp, 0), coalesce(e.cp, 0), coalesce(e.dr, 0), coalesce(e.cr, 0))
            OR (a.has_floor
                AND CASE a.normal_side WHEN 'credit' THEN k.cp - k.dp - k.dr ELSE k.dp - k.cp - k.cr END < 0)
            OR EXISTS (SELECT FROM ledger_balance b WHERE b.account_id = a.id
                AND b.guard IS DISTINCT FROM CASE WHEN a.has_floor THEN a.normal_side END)
        """,
    ),
    Invariant(
        id="L5",
        says=Text(
            en="Of what was reserved no more is posted, to the same accounts; what is voided is all of it.",
            zh="过账不超过预留，且账户相同；撤销即全部撤销。",
        ),
        sql="""
            SELECT t.id, t.kind, t.phase FROM ledger_transfer t JOIN ledger_transfer p ON p.id = t.pending_id
            WHERE (p.phase, p.kind, p.source_id, p.currency) <> ('pending', t.kind, t.source_id, t.currency)
            OR EXISTS (SELECT FROM ledger_entry e LEFT JOIN ledger_entry r ON r.transfer_id = p.id
                AND r.account_id = e.account_id AND r.side = e.side WHERE e.transfer_id = t.id
                AND (r.transfer_id IS NULL OR e.amount_minor > r.amount_minor
                    OR (t.phase = 'void' AND e.amount_minor < r.amount_minor)))
            OR (t.phase = 'void' AND (SELECT count(*) FROM ledger_entry WHERE transfer_id = t.id)
                <> (SELECT count(*) FROM ledger_entry WHERE transfer_id = p.id))
        """,
    ),
)
