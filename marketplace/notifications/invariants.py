"""What must be true of notifications at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant
from marketplace.notifications.kinds import KINDS

_MANDATORY: Final = ", ".join(repr(kind.value) for kind, about in KINDS.items() if about.is_mandatory)

INVARIANTS: Final = (
    Invariant(
        id="U1",
        says=Text(en="Nobody is told twice of one cause.", zh="同一事由不会重复通知同一人。"),
        sql="""
            SELECT account_id, kind, cause, count(*) AS told FROM notification
            GROUP BY account_id, kind, cause HAVING count(*) > 1
        """,
    ),
    Invariant(
        id="U2",
        says=Text(en="Nothing was sent after it had been switched off.", zh="关闭后的通知不会再发送。"),
        sql="""
            SELECT n.id, d.channel FROM notification_refusal r
            JOIN notification n ON n.account_id = r.account_id AND n.kind = r.kind
            JOIN notification_delivery d ON d.notification_id = n.id AND d.channel = r.channel
            WHERE d.state = 'sent' AND n.created_at > r.created_at + interval '1 minute'
        """,
    ),
    Invariant(
        id="U3",
        says=Text(en="What nobody may miss is not switched off.", zh="必达通知未被关闭。"),
        sql=f"SELECT account_id, kind, channel FROM notification_refusal WHERE kind IN ({_MANDATORY})",  # noqa: S608
    ),
    Invariant(
        id="U4",
        says=Text(en="What waits to be sent has its job.", zh="待发送的通知都有对应任务。"),
        sql="""
            SELECT d.notification_id, d.channel FROM notification_delivery d WHERE d.state = 'waiting'
            EXCEPT
            SELECT ids.id::uuid, j.arguments->>'channel' FROM job j
            CROSS JOIN jsonb_array_elements_text(j.arguments->'notification_ids') AS ids(id)
            WHERE j.name = 'notifications.deliver' AND j.state <> 'done'
        """,
    ),
)
