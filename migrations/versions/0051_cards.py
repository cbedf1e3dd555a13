"""Cards are held and charged later.

Going down, what was asked of a gateway in words that are not known then is kept as what it most resembles.
"""

from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

KINDS = "kind IN ('open', 'confirm', {new}'cancel', 'refund')"


def upgrade() -> None:
    _kinds("'capture', ")


def _kinds(new: str) -> None:
    name = op.f("ck_gateway_call_kind")
    op.drop_constraint(name, "gateway_call")
    op.create_check_constraint(name, "gateway_call", KINDS.format(new=new))


def downgrade() -> None:
    op.execute("UPDATE gateway_call SET state = 'dropped', finished_at = now() WHERE kind = 'capture' AND state = 'asked'")
    op.execute("UPDATE gateway_call SET kind = 'confirm' WHERE kind = 'capture'")
    _kinds("")
