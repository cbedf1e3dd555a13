"""The fairness policy of a campaign: numbered, signed, and published by its digest when the campaign is scheduled.

Campaigns that are scheduled already get the policy by which they have been carried out.
"""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

RULES = "rule IN ('nearest', 'lowest', 'lowest_after')"
WEIGHTS = "weight IN ('households', 'members', 'equal')"
POLICY = (
    "CASE WHEN policy_digest IS NULL THEN state IN ('draft', 'cancelled', 'closed') ELSE state <> 'draft' END"
)
EARLIER = """
    SELECT c.id, c.state, c.seed_hash, c.created_at, c.cut_rule,
        coalesce(a.season, CASE WHEN extract(month FROM ends) >= 7
            THEN extract(year FROM ends)::text || '-' || lpad(((extract(year FROM ends) + 1)::int % 100)::text, 2, '0')
            ELSE (extract(year FROM ends) - 1)::text || '-' || lpad((extract(year FROM ends)::int % 100)::text, 2, '0')
        END) AS season,
        coalesce(a.rule, 'nearest') AS rule, coalesce(a.strict, false) AS strict,
        coalesce(a.silence, 'declines') AS silence, coalesce(a.answer_hours, 48) AS answer_hours,
        coalesce(s.election_hours, 48) AS election_hours, coalesce(s.earnest_permille, 200) AS earnest_permille
    FROM campaign c CROSS JOIN LATERAL (SELECT c.closes_at AT TIME ZONE 'UTC' AS ends) AS at
    LEFT JOIN campaign_allocation a ON a.campaign_id = c.id
    LEFT JOIN LATERAL (SELECT election_hours, earnest_permille FROM shortage WHERE campaign_id = c.id
        ORDER BY id LIMIT 1) s ON true
"""
TERMS = (
    "season",
    "rule",
    "strict",
    "silence",
    "answer_hours",
    "cut_rule",
    "election_hours",
    "earnest_permille",
)


def _word(name: str, length: int = 20) -> sa.Column:
    return sa.Column(name, sa.String(length), nullable=False)


def _whole(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def upgrade() -> None:
    _policies()
    op.add_column("campaign", sa.Column("policy_digest", sa.String(80)))
    op.add_column("campaign_allocation", sa.Column("weight", sa.String(20), server_default="households", nullable=False))
    op.alter_column("campaign_allocation", "weight", server_default=None)
    op.create_check_constraint(op.f("ck_campaign_allocation_weight"), "campaign_allocation", WEIGHTS)
    for table in ("campaign_allocation", "allotment_run", "shortage"):
        op.add_column(table, sa.Column("policy_digest", sa.String(80)))
    _agree_on_what_was()
    for table in ("campaign_allocation", "allotment_run", "shortage"):
        op.alter_column(table, "policy_digest", nullable=False)
    op.create_check_constraint(op.f("ck_campaign_policy"), "campaign", POLICY)
    op.execute("REVOKE UPDATE, DELETE ON campaign_policy, policy_signature FROM marketplace_app")


def _policies() -> None:
    op.create_table(
        "campaign_policy",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        _whole("number"),
        _word("season"),
        _word("rule"),
        sa.Column("strict", sa.Boolean(), nullable=False),
        _word("weight"),
        _word("silence"),
        _whole("answer_hours"),
        _word("cut_rule"),
        _whole("neighbour_hours"),
        _whole("election_hours"),
        _whole("earnest_permille"),
        _word("set_by", 80),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "number", name="pk_campaign_policy"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_campaign_policy_campaign_id_campaign"),
        sa.CheckConstraint("number > 0", name=op.f("ck_campaign_policy_number")),
        sa.CheckConstraint(RULES, name=op.f("ck_campaign_policy_rule")),
        sa.CheckConstraint(WEIGHTS, name=op.f("ck_campaign_policy_weight")),
        sa.CheckConstraint("silence IN ('declines', 'confirms')", name=op.f("ck_campaign_policy_silence")),
        sa.CheckConstraint("cut_rule IN ('equal_awards', 'proportional')", name=op.f("ck_campaign_policy_cut_rule")),
        sa.CheckConstraint(
            "answer_hours BETWEEN 1 AND 240 AND neighbour_hours BETWEEN 1 AND 240 AND election_hours BETWEEN 1 AND 240",
            name=op.f("ck_campaign_policy_hours"),
        ),
        sa.CheckConstraint("earnest_permille BETWEEN 0 AND 200", name=op.f("ck_campaign_policy_earnest")),
    )
    op.create_table(
        "policy_signature",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        _whole("number"),
        _word("signed_by", 80),
        _word("digest", 80),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "number", "signed_by", name="pk_policy_signature"),
        sa.ForeignKeyConstraint(
            ["campaign_id", "number"],
            ["campaign_policy.campaign_id", "campaign_policy.number"],
            name="fk_policy_signature_campaign_id_campaign_policy",
        ),
    )


def _agree_on_what_was() -> None:
    """The canonical text as it is in this migration's day; a later form is a later migration's matter."""
    found = op.get_bind()
    for campaign in found.execute(sa.text(EARLIER)).mappings().all():
        terms = {name: campaign[name] for name in TERMS} | {"weight": "households", "neighbour_hours": 24}
        canonical = json.dumps({"form": 1, **terms}, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        known = {
            **terms,
            "id": campaign["id"],
            "at": campaign["created_at"],
            "digest": "sha256:" + hashlib.sha256(canonical.encode()).hexdigest(),
        }
        found.execute(
            sa.text(
                "INSERT INTO campaign_policy VALUES (:id, 1, :season, :rule, :strict, :weight, :silence, :answer_hours,"
                " :cut_rule, :neighbour_hours, :election_hours, :earnest_permille, 'system', :at)"
            ),
            known,
        )
        if campaign["state"] == "draft" or (
            campaign["state"] in ("cancelled", "closed") and campaign["seed_hash"] is None
        ):
            continue
        for statement in (
            "INSERT INTO policy_signature VALUES (:id, 1, 'system', :digest, :at)",
            "UPDATE campaign SET policy_digest = :digest WHERE id = :id",
            "UPDATE campaign_allocation SET policy_digest = :digest WHERE campaign_id = :id",
            "UPDATE allotment_run SET policy_digest = :digest WHERE item_id IN"
            " (SELECT id FROM campaign_item WHERE campaign_id = :id)",
            "UPDATE shortage SET policy_digest = :digest WHERE campaign_id = :id",
        ):
            found.execute(sa.text(statement), known)


def downgrade() -> None:
    op.drop_constraint(op.f("ck_campaign_policy"), "campaign")
    for table in ("shortage", "allotment_run", "campaign_allocation", "campaign"):
        op.drop_column(table, "policy_digest")
    op.drop_constraint(op.f("ck_campaign_allocation_weight"), "campaign_allocation")
    op.drop_column("campaign_allocation", "weight")
    op.drop_table("policy_signature")
    op.drop_table("campaign_policy")
