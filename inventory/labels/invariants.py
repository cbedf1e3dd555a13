"""What must be true of label credit at any moment: no label without fruit."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="T1",
        says=Text(
            en="What was labelled, and what may still be labelled in lots, is no more than the eligible harvest.",
            zh="已贴标数量与批次中尚可贴标数量之和不超过合格采收量。",
        ),
        sql="""
            SELECT a.id, a.eligible_grams, coalesce(t.grams, 0) AS transferred, coalesce(s.grams, 0) AS labelled,
                coalesce(l.grams, 0) AS in_lots
            FROM label_account a
            LEFT JOIN (
                SELECT account_id, sum(grams) AS grams FROM label_line
                WHERE kind IN ('transfer_in', 'transfer_out') GROUP BY account_id
            ) t ON t.account_id = a.id
            LEFT JOIN (
                SELECT account_id, sum(net_grams) AS grams FROM label_serial
                WHERE lot_id IS NOT NULL AND state <> 'void' GROUP BY account_id
            ) s ON s.account_id = a.id
            LEFT JOIN (
                SELECT account_id, sum(earned_grams + leaving_earned_grams) AS grams FROM lot_label GROUP BY account_id
            ) l ON l.account_id = a.id
            WHERE coalesce(s.grams, 0) + coalesce(l.grams, 0) > a.eligible_grams + coalesce(t.grams, 0)
        """,
    ),
    Invariant(
        id="LC1",
        says=Text(
            en="A label account holds what its lines add up to, and they are numbered without gaps.",
            zh="标签账户余额等于其流水之和，且流水编号连续。",
        ),
        sql="""
            SELECT a.id, a.balance_grams, a.owed_grams, a.version, n.grams, n.lines, n.last FROM label_account a
            LEFT JOIN (
                SELECT account_id, sum(grams) AS grams, count(*) AS lines, max(number) AS last
                FROM label_line GROUP BY account_id
            ) n ON n.account_id = a.id
            WHERE a.balance_grams - a.owed_grams <> coalesce(n.grams, 0)
            OR a.version <> coalesce(n.lines, 0) OR a.version <> coalesce(n.last, 0)
        """,
    ),
    Invariant(
        id="LC2",
        says=Text(
            en="Each line of a label account tells what stood there after it.",
            zh="标签账户每条流水均记有其后的余额。",
        ),
        sql="""
            SELECT n.id, n.number, n.grams, n.balance_grams, n.owed_grams FROM label_line n
            LEFT JOIN label_line b ON b.account_id = n.account_id AND b.number = n.number - 1
            WHERE n.balance_grams - n.owed_grams
                <> coalesce(b.balance_grams, 0) - coalesce(b.owed_grams, 0) + n.grams
        """,
    ),
    Invariant(
        id="LC3",
        says=Text(
            en="Lots carry no more certified grams than were certified when they were weighed.",
            zh="批次所带认证数量不超过称重时的认证数量。",
        ),
        sql="""
            SELECT a.id, l.grams AS carried, coalesce(h.grams, 0) AS certified, coalesce(t.grams, 0) AS transferred
            FROM label_account a
            JOIN (
                SELECT account_id, sum(certified_grams + leaving_certified_grams) AS grams
                FROM lot_label GROUP BY account_id
            ) l ON l.account_id = a.id
            LEFT JOIN (
                SELECT cooperative_id, area_id, season, sum(certified_grams) AS grams
                FROM label_harvest GROUP BY cooperative_id, area_id, season
            ) h ON (h.cooperative_id, h.area_id, h.season) = (a.cooperative_id, a.area_id, a.season)
            LEFT JOIN (
                SELECT account_id, sum(grams) AS grams FROM label_line
                WHERE kind IN ('transfer_in', 'transfer_out') GROUP BY account_id
            ) t ON t.account_id = a.id
            WHERE l.grams > coalesce(h.grams, 0) + coalesce(t.grams, 0)
        """,
    ),
    Invariant(
        id="LC4",
        says=Text(
            en="Of no plot more was certified in a season than its land is believed to bear.",
            zh="任一地块单季认证数量不超过其单产上限。",
        ),
        sql="""
            SELECT h.cooperative_id, h.plot, h.season, h.certified_grams FROM label_harvest h
            WHERE NOT EXISTS (
                SELECT FROM label_plot p JOIN label_season s ON s.area_id = p.area_id AND s.season = h.season
                WHERE p.cooperative_id = h.cooperative_id AND p.code = h.plot
                AND h.certified_grams <= p.square_metres * s.ceiling_grams_per_hectare / 10000
            )
        """,
    ),
    Invariant(
        id="LC5",
        says=Text(
            en="A batch has all of its labels, consumed its grams once, and gave back those of proven destruction.",
            zh="标签批次数量完整，额度只扣一次，仅凭销毁证明退回。",
        ),
        sql="""
            SELECT b.id, b.labels_count, s.labels, b.given_back_count, s.destroyed, i.grams AS issued, v.grams AS voided
            FROM label_batch b
            LEFT JOIN (
                SELECT batch_id, count(*) AS labels,
                    count(*) FILTER (WHERE proof IS NOT NULL AND shipped_at IS NULL) AS destroyed
                FROM label_serial GROUP BY batch_id
            ) s ON s.batch_id = b.id
            LEFT JOIN (
                SELECT batch_id, sum(grams) AS grams FROM label_line WHERE kind = 'label_issue' GROUP BY batch_id
            ) i ON i.batch_id = b.id
            LEFT JOIN (
                SELECT batch_id, sum(grams) AS grams FROM label_line WHERE kind = 'label_void' GROUP BY batch_id
            ) v ON v.batch_id = b.id
            WHERE coalesce(s.labels, 0) <> b.labels_count OR coalesce(s.destroyed, 0) <> b.given_back_count
            OR i.grams IS DISTINCT FROM - b.consumed_grams
            OR coalesce(v.grams, 0) <> b.given_back_count * b.consumed_grams / b.labels_count
        """,
    ),
    Invariant(
        id="LC6",
        says=Text(
            en="A lot counts the labels of its boxes that are in the store.",
            zh="批次记录在库贴标箱的净重。",
        ),
        sql="""
            SELECT l.lot_id, l.account_id, l.labelled_grams, s.grams FROM lot_label l
            FULL JOIN (
                SELECT lot_id, account_id, sum(net_grams) AS grams FROM label_serial
                WHERE lot_id IS NOT NULL AND shipped_at IS NULL AND state IN ('bound', 'flagged')
                GROUP BY lot_id, account_id
            ) s ON s.lot_id = l.lot_id AND s.account_id = l.account_id
            WHERE coalesce(l.labelled_grams, 0) <> coalesce(s.grams, 0)
        """,
    ),
    Invariant(
        id="LC7",
        says=Text(
            en="What a label account counts as eligible is what its lines say was eligible.",
            zh="标签账户的合格量等于其合格流水之和。",
        ),
        sql="""
            SELECT a.id, a.eligible_grams, n.grams FROM label_account a
            LEFT JOIN (
                SELECT account_id, sum(grams) AS grams FROM label_line
                WHERE kind = 'harvest_eligible' GROUP BY account_id
            ) n ON n.account_id = a.id
            WHERE a.eligible_grams <> coalesce(n.grams, 0)
        """,
    ),
)
