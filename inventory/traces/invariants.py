"""What must be true of chains of events at any moment; `flask trace verify` reads the same with checkpoints."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

_SEED: Final = "decode(repeat('00', 16), 'hex') || uuid_send(e.county_id)"
_ENTRY: Final = "convert_to(e.body || coalesce(chr(10) || e.context, ''), 'UTF8')"
_BEFORE: Final = "lag(e.link) OVER (PARTITION BY e.county_id ORDER BY e.number)"

INVARIANTS: Final = (
    Invariant(
        id="T2",
        says=Text(
            en="Each county's events are one chain without gaps, and each follows from the one before it.",
            zh="每县的追溯事件构成一条无缺口的链，每个事件都承接前一事件。",
        ),
        sql=f"""
            SELECT county_id, number FROM (
                SELECT e.county_id, e.number, e.link,
                    row_number() OVER (PARTITION BY e.county_id ORDER BY e.number) AS place,
                    sha256('\\x02'::bytea || coalesce({_BEFORE}, {_SEED}) || sha256({_ENTRY})) AS expected
                FROM trace_event e
            ) AS read WHERE number <> place OR link <> expected
            UNION ALL
            SELECT c.county_id, c.length FROM trace_chain c
            LEFT JOIN trace_event e ON e.county_id = c.county_id AND e.number = c.length
            WHERE c.length <> (SELECT count(*) FROM trace_event n WHERE n.county_id = c.county_id)
                OR c.length > 0 AND c.head IS DISTINCT FROM e.link
        """,  # noqa: S608 (our own words)
    ),
    Invariant(
        id="T3",
        says=Text(
            en="What was signed for is there: no chain is shorter than its newest checkpoint.",
            zh="已签署的事件均在：任何链都不短于其最新检查点。",
        ),
        sql="""
            SELECT p.county_id, p.length, c.length AS there FROM trace_checkpoint p
            LEFT JOIN trace_event e ON e.county_id = p.county_id AND e.number = p.length
            JOIN trace_chain c ON c.county_id = p.county_id
            WHERE p.length > c.length OR e.number IS NULL
                OR position('head ' || encode(e.link, 'base64') IN p.note) = 0
        """,
    ),
    Invariant(
        id="T5",
        says=Text(
            en="What stands beside an event is what the event says, and every mention is of one that is there.",
            zh="事件旁列与事件内容一致。",
        ),
        sql="""
            SELECT county_id, number FROM trace_event
            WHERE event_type <> body::jsonb ->> 'type' OR action IS DISTINCT FROM body::jsonb ->> 'action'
                OR event_id <> body::jsonb ->> 'eventID' OR recorded_at <> (body::jsonb ->> 'recordTime')::timestamptz
                OR is_declaration <> (body::jsonb ? 'errorDeclaration')
        """,
    ),
)
