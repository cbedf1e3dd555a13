"""What must be true of sponsorships at any moment."""

from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.language import Text
from marketplace.module import Invariant
from orders.sponsoring import rules, tranching
from orders.sponsoring.models import SponsoredShare, Sponsorship


def _not_due(session: Session) -> list[dict[str, Any]]:
    """Shares of which not exactly what the rule says is payable."""
    found = []
    rows = session.execute(
        select(SponsoredShare, Sponsorship)
        .join(Sponsorship, Sponsorship.id == SponsoredShare.sponsorship_id)
        .execution_options(yield_per=100)
    )
    for sponsored, sponsorship in rows:
        due = rules.due(
            sponsorship.tranches, sponsored.progress, unit_price_minor=sponsorship.unit_price_minor
        )
        payable = {
            tranche: row.amount_minor
            for tranche, row in tranching.payables_of(session, sponsored.share_id).items()
        }
        if {tranche: minor for tranche, minor in payable.items() if minor} != {
            tranche: minor for tranche, minor in due.items() if minor
        }:
            found.append({"share_id": sponsored.share_id, "due": due, "payable": payable})
    return found


INVARIANTS: Final = (
    Invariant(
        id="Z1",
        says=Text(
            en="An escrow's counters are the sums of its journal, which has no gaps and never falls below zero.",
            zh="托管计数等于其流水之和，流水编号连续且余额不为负。",
        ),
        sql="""
            SELECT s.id, s.lines, sums.lines AS found, sums.escrowed, sums.released, sums.returned
            FROM sponsorship s CROSS JOIN LATERAL (
                SELECT count(*) AS lines, coalesce(max(l.number), 0) AS highest,
                    coalesce(sum(l.amount_minor) FILTER (WHERE l.kind = 'escrowed'), 0) AS escrowed,
                    coalesce(sum(CASE l.kind WHEN 'released' THEN l.amount_minor
                        WHEN 'taken_back' THEN - l.amount_minor ELSE 0 END), 0) AS released,
                    coalesce(sum(l.amount_minor) FILTER (WHERE l.kind = 'returned'), 0) AS returned,
                    coalesce(bool_and(l.right_balance), true) AS right_balances
                FROM (SELECT e.*, e.escrow_minor = sum(CASE WHEN e.credit = 'sponsor_escrow' THEN e.amount_minor
                        ELSE - e.amount_minor END) OVER (ORDER BY e.number) AS right_balance
                    FROM escrow_line e WHERE e.sponsorship_id = s.id) l
            ) sums
            WHERE (s.lines, s.lines, s.escrowed_minor, s.released_minor, s.returned_minor)
                <> (sums.lines, sums.highest, sums.escrowed, sums.released, sums.returned)
            OR NOT sums.right_balances
        """,
    ),
    Invariant(
        id="Z2",
        says=Text(
            en="What is payable of each tranche is what its boxes have earned, to the unit.",
            zh="各期应付款与箱数进度相符，分毫不差。",
        ),
        sql="",
        check=_not_due,
    ),
    Invariant(
        id="Z3",
        says=Text(
            en="What is payable to a cooperative is the sum of the lines that released it.",
            zh="合作社应付款等于放款流水之和。",
        ),
        sql="""
            SELECT coalesce(p.share_id, l.share_id) AS share_id, p.amount_minor, l.minor FROM sponsor_payable p
            FULL JOIN (SELECT e.share_id, e.tranche, sum(CASE e.kind WHEN 'released' THEN e.amount_minor
                    ELSE - e.amount_minor END) AS minor
                FROM escrow_line e WHERE e.share_id IS NOT NULL GROUP BY e.share_id, e.tranche) l
                ON l.share_id = p.share_id AND l.tranche = p.tranche
            WHERE p.amount_minor IS DISTINCT FROM l.minor
        """,
    ),
    Invariant(
        id="Z4",
        says=Text(
            en="Every payment into escrow is a line of it, and what was given back of it is, too.",
            zh="每笔托管付款及其退还均有流水。",
        ),
        sql="""
            SELECT p.id, p.state, p.received_minor, p.refund_due_minor FROM payment p
            LEFT JOIN escrow_line e ON e.payment_id = p.id
            WHERE p.purpose = 'escrow' GROUP BY p.id
            HAVING coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'escrowed'), 0) <> p.received_minor
                OR coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'returned'), 0)
                    <> CASE p.state WHEN 'succeeded' THEN p.refund_due_minor ELSE 0 END
                OR bool_or(e.sponsorship_id <> p.order_id)
        """,
    ),
    Invariant(
        id="Z5",
        says=Text(
            en="A sponsor's share has come as far as its cooperative's share: what it keeps is confirmed.",
            zh="赞助份额与合作社已确认并保留的份额一致。",
        ),
        sql="""
            SELECT s.id, s.state, s.boxes - s.boxes_given_back AS kept, x.boxes FROM share s
            JOIN allocation_run r ON r.id = s.run_id
            LEFT JOIN sponsored_share x ON x.share_id = s.id
            LEFT JOIN sponsorship p ON p.order_id = r.order_id
            WHERE (p.id IS NOT NULL OR x.share_id IS NOT NULL)
            AND CASE s.state WHEN 'confirmed' THEN s.boxes - s.boxes_given_back ELSE 0 END <> coalesce(x.boxes, 0)
        """,
    ),
    Invariant(
        id="Z6",
        says=Text(
            en="Boxes held and redeemed of a sponsor's pool are those of its draws.",
            zh="赞助货源的保留与兑换箱数等于其提取之和。",
        ),
        sql="""
            SELECT d.id, d.state, d.boxes, h.state AS hold_state FROM sponsor_draw d
            JOIN hold h ON h.id = d.hold_id JOIN sponsorship s ON s.id = d.sponsorship_id
            WHERE h.pool_id IS DISTINCT FROM s.pool_id OR h.boxes <> d.boxes
                OR h.owner_id <> coalesce(d.holder_id, s.account_id)
                OR NOT CASE d.state WHEN 'open' THEN h.state = 'active' OR h.state = 'expired'
                    WHEN 'ordered' THEN h.state = 'active' WHEN 'redeemed' THEN h.state = 'consumed'
                    ELSE h.state IN ('released', 'expired') END
            UNION ALL
            SELECT s.id, s.state, p.boxes_sold, 'pool' FROM sponsorship s JOIN pool p ON p.id = s.pool_id
            LEFT JOIN sponsor_draw d ON d.sponsorship_id = s.id AND d.state = 'redeemed'
            GROUP BY s.id, p.id HAVING coalesce(sum(d.boxes), 0) <> p.boxes_sold
        """,
    ),
    Invariant(
        id="Z7",
        says=Text(
            en="A redeemed draw has its order, for its boxes and holder, paid if anything was due; no other is one.",
            zh="每次兑换对应持有人的一份订单，箱数一致且应付已付。",
        ),
        sql="""
            SELECT o.id, o.state, d.state AS draw FROM "order" o
            LEFT JOIN sponsor_draw d ON d.order_id = o.id
            LEFT JOIN payment p ON p.order_id = o.id AND p.purpose = 'order'
            WHERE o.kind = 'game_redemption' AND (
                (o.state = 'committed') <> coalesce(d.state = 'redeemed', false)
                OR (o.state = 'deposit_due') <> coalesce(d.state = 'ordered', false)
                OR (d.id IS NOT NULL AND (d.boxes, d.holder_id, d.hold_id) <> (o.boxes, o.buyer_id, o.hold_id))
                OR coalesce(p.amount_minor, 0) <> o.total_minor)
            UNION ALL
            SELECT d.id, d.state, o.kind FROM sponsor_draw d JOIN "order" o ON o.id = d.order_id
            WHERE o.kind <> 'game_redemption'
        """,
    ),
    Invariant(
        id="Z8",
        says=Text(
            en="A sponsorship's state is that of its last move, and its moves have no gaps.",
            zh="赞助采购状态与其最后一步一致，且步骤编号连续。",
        ),
        sql="""
            SELECT s.id, s.state, s.moves, last.after FROM sponsorship s CROSS JOIN LATERAL (
                SELECT count(*) AS found, max(m.number) AS highest,
                    (array_agg(m.after ORDER BY m.number DESC))[1] AS after,
                    bool_and(m.before IS NOT DISTINCT FROM m.earlier) AS follows
                FROM (SELECT n.*, lag(n.after) OVER (ORDER BY n.number) AS earlier FROM sponsorship_move n
                    WHERE n.sponsorship_id = s.id) m
            ) last
            WHERE last.found <> s.moves OR last.highest IS DISTINCT FROM s.moves OR last.after IS DISTINCT FROM s.state
                OR last.follows IS NOT TRUE
        """,
    ),
    Invariant(
        id="Z9",
        says=Text(
            en="Nothing was split before the agreed part was in escrow.",
            zh="约定款项托管到位之前不得分配。",
        ),
        sql="""
            SELECT s.id, s.state, s.escrow_permille FROM sponsorship s
            WHERE s.order_id IS NOT NULL AND NOT EXISTS (SELECT FROM escrow_line l
                JOIN sponsorship_move m ON m.sponsorship_id = s.id AND m.event = 'allocate' AND m.at >= l.at
                WHERE l.sponsorship_id = s.id AND l.escrow_minor * 1000 >= s.total_minor * s.escrow_permille)
        """,
    ),
    Invariant(
        id="Z10",
        says=Text(
            en="Payouts of a tranche are of its cooperative and currency, together no more than what was due of it;"
            " what was paid and is not due any more is owed back.",
            zh="分期付款单的收款方与币种一致，合计不超过应付；已付而不再应付的款项计入欠款。",
        ),
        sql="""
            SELECT p.id, p.amount_minor, p.owed_back_minor, o.running, o.wrong, l.owed FROM sponsor_payable p
            LEFT JOIN (
                SELECT x.payable_id, sum(y.amount_minor) FILTER (WHERE y.state
                    IN ('drafted', 'approved', 'sent', 'paid')) AS running, count(*) FILTER (WHERE
                    (y.cooperative_id, y.currency, y.amount_minor)
                    IS DISTINCT FROM (q.cooperative_id, q.currency, x.amount_minor)) AS wrong
                FROM sponsor_payout x JOIN sponsor_payable q ON q.id = x.payable_id
                LEFT JOIN payout y ON y.purpose = 'tranche' AND y.purpose_id = x.id GROUP BY 1
            ) o ON o.payable_id = p.id
            LEFT JOIN (
                SELECT share_id, tranche, sum(amount_minor) AS owed FROM escrow_line
                WHERE kind = 'taken_back' AND debit = 'coop_receivable' GROUP BY 1, 2
            ) l ON l.share_id = p.share_id AND l.tranche = p.tranche
            WHERE coalesce(o.running, 0) > p.amount_minor + p.owed_back_minor OR o.wrong > 0
                OR p.owed_back_minor <> coalesce(l.owed, 0)
            UNION ALL
            SELECT y.id, y.amount_minor, 0, 0, 1, 0 FROM payout y
            WHERE y.purpose = 'tranche' AND NOT EXISTS (SELECT FROM sponsor_payout x WHERE x.id = y.purpose_id)
        """,
    ),
)
