"""All of a statement, or nothing of it: the statement itself refuses when rows are not as they were under their locks.

So what is written and its COMMIT can be sent together, and a pool is locked for one round trip less.
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

WHOLE = """
CREATE FUNCTION whole(p_is_whole boolean) RETURNS boolean LANGUAGE plpgsql AS $function$
BEGIN
    IF p_is_whole IS NOT TRUE THEN
        RAISE EXCEPTION 'rows were not as they were under their locks' USING ERRCODE = 'MK001';
    END IF;
    RETURN true;
END
$function$
"""


def upgrade() -> None:
    op.execute(WHOLE)


def downgrade() -> None:
    op.execute("DROP FUNCTION whole(boolean)")
