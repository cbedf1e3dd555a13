"""The terms on which a campaign's boxes are advanced, where an operator has set others than those by default."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base
from orders.settlements.advances import AdvanceTerms


class CampaignAdvanceTerms(Base):
    __tablename__ = "campaign_advance_terms"

    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    confirmation_permille: Mapped[int]
    intake_permille: Mapped[int]
    delivery_permille: Mapped[int]
    factor_permille: Mapped[int]
    clearing_days: Mapped[int]
    """So long after it was paid online a provider may keep or take back the money."""
    changed_at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint(
            "least(confirmation_permille, intake_permille, delivery_permille) >= 0"
            " AND confirmation_permille + intake_permille + delivery_permille <= 1000",
            name="steps",
        ),
        CheckConstraint("factor_permille BETWEEN 0 AND 1000", name="factor"),
        CheckConstraint("clearing_days BETWEEN 0 AND 180", name="clearing_days"),
    )

    @property
    def terms(self) -> AdvanceTerms:
        return AdvanceTerms(
            confirmation=self.confirmation_permille,
            intake=self.intake_permille,
            delivery=self.delivery_permille,
            factor=self.factor_permille,
        )
