"""What must always be true of bank statements."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="BK1",
        says=Text(
            en="A booked entry is what it paid and what of it goes back; no other entry paid anything.",
            zh="已入账流水等于其所付金额与待退金额之和；其他流水未付任何款项。",
        ),
        sql="""
            SELECT e.id, e.state, e.amount_minor, coalesce(sum(r.amount_minor), 0) AS paid FROM bank_entry e
            LEFT JOIN bank_receipt r ON r.entry_id = e.id
            GROUP BY e.id
            HAVING coalesce(sum(r.amount_minor), 0)
                <> CASE e.state WHEN 'booked' THEN e.amount_minor - e.send_back_minor ELSE 0 END
        """,
    ),
    Invariant(
        id="BK2",
        says=Text(
            en="A payment that entries paid is booked, and what they paid is its amount in its currency.",
            zh="由流水支付的付款均已入账，且流水合计等于其金额、币种一致。",
        ),
        sql="""
            SELECT p.id, p.amount_minor, sum(r.amount_minor) AS paid FROM payment p
            JOIN bank_receipt r ON r.payment_id = p.id JOIN bank_entry e ON e.id = r.entry_id
            GROUP BY p.id
            HAVING sum(r.amount_minor) <> p.amount_minor OR NOT (p.state = 'succeeded' OR p.refund_due_minor > 0)
                OR bool_or(e.currency <> p.currency)
        """,
    ),
    Invariant(
        id="BK3",
        says=Text(
            en="Every line of a statement is an entry, was one before, or is named with its fault.",
            zh="对账单的每一行都已成为流水、此前已有，或列明错误。",
        ),
        sql="""
            SELECT s.id, s.entries, s.bad_lines FROM bank_statement s
            LEFT JOIN (SELECT statement_id, count(*) AS rows FROM bank_entry GROUP BY 1) e ON e.statement_id = s.id
            LEFT JOIN (SELECT statement_id, count(*) AS rows FROM bank_line_fault GROUP BY 1) f ON f.statement_id = s.id
            WHERE s.entries <> coalesce(e.rows, 0) OR s.bad_lines <> coalesce(f.rows, 0)
        """,
    ),
    Invariant(
        id="BK4",
        says=Text(
            en="An entry that has not been looked at yet has a job that will.",
            zh="尚未匹配的流水必有对应的任务。",
        ),
        sql="""
            SELECT e.id, e.statement_id FROM bank_entry e
            WHERE e.state = 'open' AND e.reason = 'waiting'
                AND e.id::text NOT IN (SELECT j.arguments ->> 'entry_id' FROM job j
                    WHERE j.name = 'payments.settle_entry' AND j.state <> 'done')
                AND e.statement_id::text NOT IN (SELECT j.arguments ->> 'statement_id' FROM job j
                    WHERE j.name = 'payments.sift_entries' AND j.state <> 'done')
        """,
    ),
)
