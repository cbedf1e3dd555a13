"""What must be true of webhooks at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="W1",
        says=Text(
            en="Every message has a delivery for each endpoint that it was put down for.",
            zh="每条消息对其登记的每个端点都有投递记录。",
        ),
        sql="""
            SELECT m.id, m.type, m.told_count FROM webhook_message m
            WHERE m.told_count <>
                (SELECT count(*) FROM webhook_delivery d WHERE d.message_id = m.id AND NOT d.is_replay)
        """,
    ),
    Invariant(
        id="W2",
        says=Text(
            en="No delivery goes to whom its message does not concern.", zh="消息只投递给与其相关的端点。"
        ),
        sql="""
            SELECT d.id, m.type, e.cooperative_id FROM webhook_delivery d
            JOIN webhook_message m ON m.id = d.message_id JOIN webhook_endpoint e ON e.id = d.endpoint_id
            WHERE CASE WHEN m.endpoint_id IS NOT NULL THEN m.endpoint_id <> e.id
                ELSE e.cooperative_id IS NOT NULL AND NOT e.cooperative_id = ANY (m.cooperative_ids) END
        """,
    ),
    Invariant(
        id="W3",
        says=Text(
            en="A delivery's attempts are numbered without gaps, and the last one tells what came of it.",
            zh="投递尝试连续编号，且最后一次说明其结果。",
        ),
        sql="""
            SELECT d.id, d.state, d.attempts FROM webhook_delivery d
            JOIN webhook_endpoint e ON e.id = d.endpoint_id
            LEFT JOIN webhook_attempt last ON last.delivery_id = d.id AND last.number = d.attempts
            WHERE d.attempts <> (SELECT count(*) FROM webhook_attempt a WHERE a.delivery_id = d.id)
            OR (d.attempts > 0 AND last.number IS NULL)
            OR (d.state = 'delivered' AND last.outcome IS DISTINCT FROM 'accepted')
            OR (d.state = 'dead' AND e.state <> 'removed' AND coalesce(last.outcome, 'accepted') = 'accepted')
        """,
    ),
    Invariant(
        id="W4",
        says=Text(en="An enabled endpoint has a secret that signs.", zh="已启用的端点都有有效密钥。"),
        sql="""
            SELECT e.id, e.state FROM webhook_endpoint e
            WHERE e.state = 'enabled' AND NOT EXISTS
                (SELECT FROM webhook_secret s WHERE s.endpoint_id = e.id AND s.expires_at IS NULL)
        """,
    ),
)
