"""A campaign of many delivered orders is settled with many cooperatives: drafted, proposed, final by silence.

What sells is made by the use cases; that all is paid, sent and delivered, and that some lost their deposits, is written
in bulk. What settlements promise is checked at the end.
"""

import time
from typing import Final

from flask import Flask
from sqlalchemy import event, text

from bench.campaigns import crowd
from bench.campaigns.crowd import Crowd
from bench.holds import seed
from bench.holds.ground import Bench, Part
from bench.holds.load import Failed
from bench.holds.measure import Row
from campaigns.settling import drafting
from marketplace import context, database, verify
from marketplace.database import db
from orders.settlements import settling
from orders.settlements.drafting import Agreed

DEFAULTED: Final = 200
"""So many lose their deposits, each to all cooperatives."""
DELIVERED: Final = (
    "UPDATE campaign SET state = 'completed' WHERE id = %(campaign_id)s",
    """UPDATE deposit_terms t SET final_unit_price_minor = o.unit_price_minor, bonus_minor = 0, discount_minor = 0,
        balance_boxes = o.boxes, balance_minor = o.total_minor - o.boxes * t.per_box_minor, balance_due_at = now()
        FROM "order" o WHERE o.id = t.order_id AND t.pool_id = %(pool_id)s""",
    """INSERT INTO payment (id, order_id, purpose, payer_id, gateway, state, amount_minor, received_minor, currency,
            reference, receipt_reference, created_at, resolved_at)
        SELECT gen_random_uuid(), o.id, 'balance', o.buyer_id, 'offline', 'succeeded', t.balance_minor, t.balance_minor,
            o.currency, left(md5(o.id::text), 20), 'REST-' || o.id, now(), now()
        FROM "order" o JOIN deposit_terms t ON t.order_id = o.id WHERE t.pool_id = %(pool_id)s""",
    """UPDATE "order" o SET state = 'closed' FROM deposit_terms t
        WHERE t.order_id = o.id AND t.pool_id = %(pool_id)s""",
    """UPDATE "order" SET state = 'balance_defaulted' WHERE id IN (
        SELECT order_id FROM deposit_terms WHERE pool_id = %(pool_id)s ORDER BY order_id LIMIT %(defaulted)s)""",
    """INSERT INTO forfeit (order_id, cooperative_id, amount_minor, currency, kept_boxes, kept_boxes_of_all, keepers,
            at)
        SELECT o.id, c.id, 2, o.currency, 10, 10 * count(*) OVER (PARTITION BY o.id), count(*) OVER (PARTITION BY o.id),
            now() FROM "order" o, cooperative c
        WHERE o.state = 'balance_defaulted' AND c.code LIKE 'Z%%'""",
    """INSERT INTO wave (id, campaign_id, number, delivered_on, orders, boxes, orders_left, released_at, planned_at)
        VALUES (%(campaign_id)s, %(campaign_id)s, 1, now(), 0, 0, 0, now(), now())""",
    """INSERT INTO parcel (id, wave_id, order_id, cooperative_id, lot_id, hold_id, boxes, pack_grams, shelf_days,
            state, carrier, packed_at, shipped_at, delivered_at, version)
        SELECT gen_random_uuid(), %(campaign_id)s, o.id, p.cooperative_id, p.lot_id, p.id, o.boxes, o.pack_grams, 0,
            'delivered', 'SF', now(), now(), now(), 4
        FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM "order" WHERE state = 'closed') o
        JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS all_of FROM hold
            WHERE pool_id = %(pool_id)s AND kind = 'pledge') p ON p.place = o.n %% p.all_of""",
    'ANALYZE parcel, "order", deposit_terms, payment, forfeit, hold',
)


def case(bench: Bench, *, orders: int, sellers: int) -> Part:
    part = Part(title=f"Settling {orders:,} delivered orders with {sellers} cooperatives")
    bench.progress.step(f"{orders:,} orders of {sellers} cooperatives")
    with bench.servers.copy("settling") as urls:
        app = crowd.build(bench.servers, urls)
        with app.app_context():
            found = crowd.gather(urls, bench.world, orders=orders, sellers=sellers, is_met=True)
            with seed.connect(urls.owner_url) as owner:
                known = {"campaign_id": found.campaign_id, "pool_id": found.pool_id, "defaulted": DEFAULTED}
                for statement in DELIVERED:
                    owner.execute(statement, known)
            part.rows += _measured(app, found)
            with database.reading() as session:
                wanted = [
                    each
                    for each in verify.invariants_of(app.extensions["modules"])
                    if each.id.startswith("ST")
                ]
                part.wrong += [each.invariant.id for each in verify.check(session, wanted) if not each.holds]
        crowd.close(app)
    return part


def _measured(_app: Flask, found: Crowd) -> list[Row]:
    agreed = Agreed(commission_bps=400, retention_permille=0, retained_until=None, objection_days=7)
    asked: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    rows = []
    works = {
        "drafted": lambda session: (
            drafting.draft(session, context.system(), campaign_id=found.campaign_id, agreed=agreed).drafted
        ),
        "proposed": lambda session: (
            drafting.propose_all(session, context.system(), campaign_id=found.campaign_id).proposed
        ),
        "final": lambda session: settling.lapse(session, context.system()),
    }
    for name, work in works.items():
        if name == "final":
            database.transact(
                lambda session: session.execute(text("UPDATE settlement SET objections_until = now()"))
            )
        asked.clear()
        begun = time.monotonic()
        done, last = 0, 1
        while last:
            last = database.transact(work)
            done += last
            if name != "final":
                break
        if not done:
            raise Failed(f"nothing was {name}")
        note_text = f"{len(asked)} statements of ours"
        rows.append(
            Row(what=f"{done} settlements {name}", value=time.monotonic() - begun, unit="s", note=note_text)
        )
    event.remove(db.engine, "before_cursor_execute", note)
    return rows
