"""What must be true of consents and readings at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="EV1",
        says=Text(
            en="Evidence was read under a signed consent alone, while it stood; readings have no gaps.",
            zh="材料仅在已签署且有效的授权下被查阅；查阅记录编号连续。",
        ),
        sql="""
            SELECT c.id, c.readings, r.number, r.at FROM evidence_consent c LEFT JOIN (
                SELECT *, row_number() OVER (PARTITION BY consent_id ORDER BY number) AS place,
                    count(*) OVER (PARTITION BY consent_id) AS rows FROM evidence_reading
            ) r ON r.consent_id = c.id
            WHERE coalesce(r.rows, 0) <> c.readings OR r.number <> r.place
            OR (r.number IS NOT NULL AND NOT coalesce(r.at >= c.signed_at AND r.at < c.ends_at
                AND r.at <= coalesce(c.withdrawn_at, r.at), false))
        """,
    ),
    Invariant(
        id="EV2",
        says=Text(
            en="A consent's digest is that of its words, and who signed it is in the audit trail.",
            zh="授权摘要与其文本一致，签署者有审计记录。",
        ),
        sql="""
            SELECT c.id, c.digest, c.signed_by FROM evidence_consent c
            WHERE c.digest <> 'sha256:' || encode(sha256(convert_to(c.text_zh || E'\\n' || c.text_en, 'UTF8')), 'hex')
            OR (c.signed_at IS NOT NULL AND NOT EXISTS (SELECT FROM audit_entry e
                WHERE e.subject_kind = 'evidence_consent' AND e.subject_id = c.id::text
                AND e.action = 'evidence_consent.sign' AND e.actor = c.signed_by))
        """,
    ),
)
