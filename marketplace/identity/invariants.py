"""What must be true of accounts and sessions at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="I1",
        says=Text(en="A disabled account has no live session.", zh="停用的账号没有有效会话。"),
        sql="""
            SELECT s.id, s.account_id FROM login_session s JOIN account a ON a.id = s.account_id
            WHERE a.status = 'disabled' AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
        """,
    ),
    Invariant(
        id="I2",
        says=Text(en="Every account has a role.", zh="每个账号都有角色。"),
        sql="SELECT id FROM account a WHERE NOT EXISTS (SELECT FROM account_role r WHERE r.account_id = a.id)",
    ),
    Invariant(
        id="I3",
        says=Text(en="Only cooperative people act for cooperatives.", zh="只有合作社人员可代表合作社。"),
        sql="""
            SELECT m.account_id, m.cooperative_id FROM membership m WHERE NOT EXISTS (
                SELECT FROM account_role r WHERE r.account_id = m.account_id AND r.role = 'cooperative'
            )
        """,
    ),
    Invariant(
        id="I4",
        says=Text(
            en="Every membership is in a cooperative that exists.", zh="每个成员关系都指向存在的合作社。"
        ),
        sql="""
            SELECT m.account_id, m.cooperative_id FROM membership m
            WHERE NOT EXISTS (SELECT FROM cooperative c WHERE c.id = m.cooperative_id)
        """,
    ),
    Invariant(
        id="I5",
        says=Text(
            en="Where there were operators, one is still active.", zh="曾有运营人员的系统中仍有一位在用。"
        ),
        sql="""
            SELECT count(*) AS operators FROM account a
            JOIN account_role r ON r.account_id = a.id AND r.role = 'operator'
            HAVING count(*) > 0 AND count(*) FILTER (WHERE a.status = 'active') = 0
        """,
    ),
    Invariant(
        id="I6",
        says=Text(
            en="Every account tells in the audit trail where it came from.", zh="每个账号的来历都有审计记录。"
        ),
        sql="""
            SELECT id FROM account a WHERE NOT EXISTS (
                SELECT FROM audit_entry e WHERE e.subject_kind = 'account' AND e.subject_id = a.id::text
                AND e.action = 'account.create'
            )
        """,
    ),
)
