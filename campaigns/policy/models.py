"""Tables of policies: what was agreed, number by number, and who has signed which of them."""

import uuid
from datetime import datetime
from typing import cast

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, String, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.policy.rules import Policy, Weight
from campaigns.states import CutRule
from marketplace.database import Base, one_of
from orders.allocation.problem import Rule
from orders.states import Silence


class CampaignPolicy(Base):
    """A policy of a campaign. Append-only: the highest number counts, and none is added once it is scheduled."""

    __tablename__ = "campaign_policy"

    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    season: Mapped[str] = mapped_column(String(20))
    rule: Mapped[str] = mapped_column(String(20))
    strict: Mapped[bool]
    minimum_boxes: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    weight: Mapped[str] = mapped_column(String(20))
    silence: Mapped[str] = mapped_column(String(20))
    answer_hours: Mapped[int]
    cut_rule: Mapped[str] = mapped_column(String(20))
    neighbour_hours: Mapped[int]
    election_hours: Mapped[int]
    earnest_permille: Mapped[int]
    set_by: Mapped[str] = mapped_column(String(80))
    set_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("rule IN ('nearest', 'lowest', 'lowest_after')", name="rule"),
        CheckConstraint(one_of("weight", Weight), name="weight"),
        CheckConstraint(one_of("silence", Silence), name="silence"),
        CheckConstraint(one_of("cut_rule", CutRule), name="cut_rule"),
        CheckConstraint(
            "answer_hours BETWEEN 1 AND 240 AND neighbour_hours BETWEEN 1 AND 240"
            " AND election_hours BETWEEN 1 AND 240",
            name="hours",
        ),
        CheckConstraint("earnest_permille BETWEEN 0 AND 200", name="earnest"),
        CheckConstraint(
            "minimum_boxes BETWEEN 1 AND 1000000 AND NOT (strict AND minimum_boxes > 1)", name="minimum"
        ),
    )

    @property
    def agreed(self) -> Policy:
        return Policy(
            season=self.season,
            rule=cast(Rule, self.rule),
            strict=self.strict,
            minimum_boxes=self.minimum_boxes,
            weight=Weight(self.weight),
            silence=Silence(self.silence),
            answer_hours=self.answer_hours,
            cut_rule=CutRule(self.cut_rule),
            neighbour_hours=self.neighbour_hours,
            election_hours=self.election_hours,
            earnest_permille=self.earnest_permille,
        )


class PolicySignature(Base):
    """Somebody has signed one numbered policy by its digest. Append-only."""

    __tablename__ = "policy_signature"

    campaign_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    signed_by: Mapped[str] = mapped_column(String(80), primary_key=True)
    digest: Mapped[str] = mapped_column(String(80))
    signed_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["campaign_id", "number"], ["campaign_policy.campaign_id", "campaign_policy.number"]
        ),
    )
