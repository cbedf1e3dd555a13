"""What must be true of payouts at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="PO1",
        says=Text(
            en="What is to be paid has one payout at most that is under way or paid.",
            zh="同一款项至多一张进行中或已支付的付款单。",
        ),
        sql="""
            SELECT purpose, purpose_id, count(*) AS payouts FROM payout
            WHERE state IN ('drafted', 'approved', 'sent', 'paid')
            GROUP BY purpose, purpose_id HAVING count(*) > 1
        """,
    ),
    Invariant(
        id="PO2",
        says=Text(
            en="No payout is approved by who drafted it or named its destination; that had stood for 48 hours, is of"
            " its cooperative, and was still the one that stood when it was sent.",
            zh="付款单的制单人、收款账户登记人均不得批准；收款账户属于该合作社、已满 48 小时，且付出时未变更。",
        ),
        sql="""
            SELECT p.id, p.state, p.drafted_by, p.approved_by, p.destination_id FROM payout p
            LEFT JOIN payout_destination d ON d.id = p.destination_id
            WHERE p.approved_by IS NOT NULL AND (p.approved_by IN (p.drafted_by, d.named_by)
                OR d.cooperative_id IS DISTINCT FROM p.cooperative_id OR d.kind IS DISTINCT FROM p.method
                OR p.approved_at < d.named_at + interval '48 hours'
                OR EXISTS (SELECT FROM payout_destination o WHERE o.cooperative_id = p.cooperative_id
                    AND o.number > d.number
                    AND o.named_at < coalesce(p.sent_at, p.approved_at) - interval '5 minutes'))
        """,
    ),
    Invariant(
        id="PO3",
        says=Text(
            en="A payout's journal leads without gaps from drafted to its state.",
            zh="付款单流转记录连续，自制单起至当前状态。",
        ),
        sql="""
            WITH steps AS (
                SELECT payout_id, number, before, after,
                    lag(after, 1, 'drafted') OVER (PARTITION BY payout_id ORDER BY number) AS was,
                    lag(number, 1, 0) OVER (PARTITION BY payout_id ORDER BY number) AS previous
                FROM payout_move
            ), last AS (
                SELECT payout_id, count(*) AS moves, bool_and(before = was AND number = previous + 1) AS is_whole,
                    (array_agg(after ORDER BY number DESC))[1] AS after FROM steps GROUP BY payout_id
            )
            SELECT p.id, p.state, p.version, l.after, l.moves FROM payout p LEFT JOIN last l ON l.payout_id = p.id
            WHERE coalesce(l.after, 'drafted') <> p.state OR coalesce(l.moves, 0) <> p.version
                OR NOT coalesce(l.is_whole, true)
        """,
    ),
    Invariant(
        id="PO4",
        says=Text(
            en="The ledger has reserved every payout for its amount until it is paid, cancelled or came back, and has"
            " booked what is paid.",
            zh="付款单在支付、取消或退回前均按金额预留，已支付的均已入账。",
        ),
        sql="""
            WITH booked AS (
                SELECT p.id, p.state, r.id AS reservation, o.phase AS ended,
                    EXISTS (SELECT FROM ledger_transfer b WHERE b.corrects_id = o.id) AS is_reversed,
                    (SELECT count(*) FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
                        WHERE e.transfer_id = r.id AND a.currency = p.currency AND e.amount_minor = p.amount_minor
                        AND CASE e.side WHEN 'debit' THEN a.owner_id = p.cooperative_id AND a.code
                            = CASE p.purpose WHEN 'advance' THEN 'coop_prepaid' ELSE 'coop_payable' END
                        ELSE a.code = CASE p.method WHEN 'bank' THEN 'bank' ELSE 'psp_clearing' END END) AS entries
                FROM payout p LEFT JOIN ledger_transfer r ON r.source_id = p.id AND r.phase = 'pending'
                    AND r.kind = p.method || '_payout'
                LEFT JOIN ledger_transfer o ON o.pending_id = r.id
            )
            SELECT id, state, reservation, ended, is_reversed, entries FROM booked
            WHERE reservation IS NULL OR entries <> 2 OR CASE state
                WHEN 'paid' THEN ended IS DISTINCT FROM 'post' OR is_reversed
                WHEN 'cancelled' THEN ended IS DISTINCT FROM 'void'
                WHEN 'returned' THEN ended IS NULL OR (ended = 'post') <> is_reversed
                ELSE ended IS NOT NULL END
        """,
    ),
    Invariant(
        id="PO5",
        says=Text(
            en="No more is paid to cooperatives, or reserved for them, than came in and is owed or earned: what is"
            " advanced never exceeds it.",
            zh="付给合作社及为其预留的款项不超过已收且应付或已赚取的款项，预付款亦然。",
        ),
        sql="""
            SELECT a.currency, sum(b.credits_posted - b.debits_posted - b.debits_pending) AS left_minor
            FROM ledger_balance b JOIN ledger_account a ON a.id = b.account_id
            WHERE (a.normal_side = 'credit' OR a.code = 'coop_prepaid')
                AND EXISTS (SELECT FROM payout p WHERE p.currency = a.currency)
            GROUP BY a.currency HAVING sum(b.credits_posted - b.debits_posted - b.debits_pending) < 0
        """,
    ),
    Invariant(
        id="PO6",
        says=Text(
            en="A batch has the payouts and the sum that its file tells.",
            zh="付款批次的笔数与金额与其文件一致。",
        ),
        sql="""
            SELECT b.id, b.payouts, b.total_minor, count(p.id) AS found, sum(p.amount_minor) AS found_minor
            FROM payout_batch b LEFT JOIN payout p ON p.batch_id = b.id AND p.currency = b.currency
            GROUP BY b.id
            HAVING count(p.id) <> b.payouts OR coalesce(sum(p.amount_minor), 0) <> b.total_minor
        """,
    ),
    Invariant(
        id="PO7",
        says=Text(
            en="What a provider outside is to pay, it is being asked for, and answers within a day.",
            zh="由支付机构付出的款项均已提出请求，并在一天内得到答复。",
        ),
        sql="""
            SELECT p.id, p.state, c.id AS call FROM payout p
            LEFT JOIN payout_call c ON c.payout_id = p.id AND c.state = 'asked'
            WHERE (p.method = 'stripe' AND p.state = 'sent' AND c.kind IS DISTINCT FROM 'transfer')
                OR c.asked_at < clock_timestamp() - interval '1 day'
        """,
    ),
)
