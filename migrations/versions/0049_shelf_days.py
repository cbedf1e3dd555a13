"""An item says how long its boxes keep after delivery: only fruit that does is pledged to it and sent.

Going down, all items promise again what the country asks.
"""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

ITEM = "campaign_item"


def upgrade() -> None:
    op.add_column(
        ITEM, sa.Column("shelf_days", sa.BigInteger(), nullable=False, server_default=sa.text("10"))
    )
    op.alter_column(ITEM, "shelf_days", server_default=None)
    op.create_check_constraint(op.f("ck_campaign_item_shelf_days"), ITEM, "shelf_days BETWEEN 10 AND 365")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_campaign_item_shelf_days"), ITEM)
    op.drop_column(ITEM, "shelf_days")
