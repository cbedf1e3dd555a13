"""Each invariant finds what breaks it, and only that; a market in the midst of its work breaks none.

Rules are broken by SQL as the owner of the tables, in a transaction that is rolled back.
"""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.orm import Session

from campaigns import balances
from campaigns.promotions import budgets, promoting
from campaigns.promotions.rules import Funder, PromotionKind
from campaigns.promotions.states import PromotionState
from campaigns.shortage import closing, opening
from inventory import holds, lots
from inventory.counting import stock_takes
from inventory.families import parentage
from inventory.labels import serials
from inventory.quality import quality
from inventory.repository.subscriptions import gathering
from inventory.stores import storage_prices
from inventory.traces import checkpointing
from inventory.transfers import transfers
from marketplace import database, verify
from marketplace.access import Role
from marketplace.embedded.databases import DatabaseUrls
from marketplace.jobs.models import StoredJob
from marketplace.outbound.client import Answer
from marketplace.outbound.rules import Outcome
from marketplace.payments.models import Payment
from marketplace.payments.statements.jobs import settle_entry, sift_entries
from marketplace.payouts.models import Payout
from marketplace.webhooks import delivering
from marketplace.webhooks.delivering import Sent
from marketplace.webhooks.models import Delivery
from tests import builders, house
from tests.addresses import book
from tests.builders import confirmed, held, ordered, paid, receipt, waiting
from tests.campaigns import allotted, presale
from tests.campaigns.advances import stage as lending_stage
from tests.campaigns.exports import abroad
from tests.campaigns.fulfilment import loading
from tests.campaigns.fulfilment import stage as wave_stage
from tests.campaigns.promotions.deposits import scene
from tests.campaigns.promotions.groups import friends
from tests.campaigns.settling import scene as settling_scene
from tests.campaigns.settling import storing
from tests.campaigns.shortage import stage
from tests.campaigns.work import crew as crews
from tests.labels import grove as groves
from tests.ledger import money
from tests.orders.sponsoring import fund
from tests.payments.online import kept, there
from tests.payments.statements import files
from tests.payouts import stage as payout_stage
from tests.payouts.desk import Desk
from tests.payouts.test_batches import PAYER
from tests.stripe_stand_in import StandIn
from tests.traces.told import observed, recorded

SPONSORED_SHARE = "(SELECT share_id FROM sponsored_share WHERE boxes_delivered > 0)"
OTHER_SHARE = """(SELECT s.id FROM share s JOIN allocation_run r ON r.id = s.run_id
    JOIN sponsorship p ON p.order_id = r.order_id WHERE s.state = 'declined')"""
"""A share of a sponsor's purchase that has come some way, and one that was declined."""


def booked_otherwise(transfers: str, by: int = 1) -> str:
    """These transfers say so much more on each side, and so do the balances: what breaks is not the ledger's."""
    return f"""
        UPDATE ledger_balance b SET debits_posted = b.debits_posted + c.debits,
            credits_posted = b.credits_posted + c.credits
        FROM (SELECT account_id, {by} * count(*) FILTER (WHERE side = 'debit') AS debits,
            {by} * count(*) FILTER (WHERE side = 'credit') AS credits
            FROM ledger_entry WHERE transfer_id IN ({transfers}) GROUP BY account_id) c
        WHERE b.account_id = c.account_id
            AND b.slot = (SELECT min(o.slot) FROM ledger_balance o WHERE o.account_id = b.account_id);
        UPDATE ledger_entry SET amount_minor = amount_minor + {by} WHERE transfer_id IN ({transfers});"""


REFUNDS = """SELECT t.id FROM ledger_transfer t JOIN part_refund r ON r.id = t.source_id
    JOIN payment p ON p.id = r.payment_id WHERE t.kind = 'refund_owed' AND r.kind = 'refund' AND p.purpose <> 'escrow'
    AND r.reason NOT IN ('shortage', 'group_buy', 'after_sale')"""
COMPENSATIONS = """SELECT t.id FROM ledger_transfer t JOIN part_refund r ON r.id = t.source_id
    WHERE t.kind = 'refund_owed' AND r.kind = 'compensation'"""
BALANCES = """SELECT t.id FROM ledger_transfer t JOIN payment p ON p.id = t.source_id
    WHERE t.kind = 'payment_received' AND p.purpose = 'balance' AND p.state = 'succeeded'"""

BREAKS = {
    # ground
    "G1": "UPDATE idempotency_key SET request_id = 'nobody' WHERE key = (SELECT min(key) FROM idempotency_key)",
    "G2": "UPDATE idempotency_key SET status = 500 WHERE key = (SELECT min(key) FROM idempotency_key)",
    "G3": "UPDATE audit_entry SET at = now() + interval '1 day' WHERE action = 'county.create'",
    "P3": f"""
        {booked_otherwise(REFUNDS)}
        UPDATE part_refund SET amount_minor = amount_minor + 1
        WHERE kind = 'refund' AND reason NOT IN ('shortage', 'group_buy', 'after_sale')
            AND payment_id IN (SELECT id FROM payment WHERE purpose <> 'escrow' AND state = 'succeeded')
    """,
    "P1": "UPDATE payment SET receipt_reference = NULL WHERE state = 'succeeded' AND refund_due_minor = 0",
    "P2": "UPDATE audit_entry SET action = 'payment.canceled' WHERE action = 'payment.succeeded'",
    "PG1": "UPDATE online_payment SET provider_id = NULL WHERE method IS NOT NULL",
    "PG2": "UPDATE gateway_call SET asked_at = asked_at - interval '2 days' WHERE state = 'asked'",
    "PG3": "DELETE FROM repayment WHERE state = 'due'",
    "PG4": """
        UPDATE gateway_call SET state = 'dropped', finished_at = now() WHERE kind = 'refund' AND state = 'asked'
    """,
    "PG5": "UPDATE gateway_call SET asked_at = asked_at - interval '9 days' WHERE kind = 'charge'",
    "PG6": "UPDATE saved_card SET removed_at = saved_at + interval '1 day'",
    "PG7": """
        UPDATE gateway_call SET arguments = c.arguments, kind = 'charge', asked_at = now() + interval '1 minute'
        FROM gateway_call c WHERE c.kind = 'charge' AND c.payment_id = gateway_call.payment_id
            AND gateway_call.kind = 'open'
    """,
    # payouts
    "PO1": """
        DROP INDEX uq_payout_running;
        UPDATE payout SET purpose_id = (SELECT min(purpose_id::text)::uuid FROM payout
            WHERE state = 'paid' AND purpose = 'settlement')
        WHERE state = 'drafted' AND purpose = 'settlement'
    """,
    "PO2": """
        UPDATE payout_destination d SET named_by = p.approved_by FROM payout p
        WHERE p.destination_id = d.id AND p.state = 'approved'
    """,
    "PO3": "DELETE FROM payout_move WHERE after = 'sent'",
    "PO4": "UPDATE ledger_transfer SET kind = 'bank_payment' WHERE kind = 'bank_payout'",
    "PO5": """
        UPDATE ledger_account SET normal_side = 'debit' WHERE code = 'commission_income' AND currency = 'SGD'
    """,
    "PO6": "UPDATE payout_batch SET total_minor = total_minor + 1",
    "PO7": "UPDATE payout_call SET state = 'dropped', finished_at = now() WHERE state = 'asked'",
    # jobs
    # bank statements
    "BK1": "UPDATE bank_entry SET send_back_minor = 1 WHERE state = 'booked'",
    "BK2": "UPDATE bank_receipt SET payment_id = (SELECT id FROM payment WHERE state = 'processing' LIMIT 1)",
    "BK3": "UPDATE bank_statement SET entries = entries + 1, lines = lines + 1",
    "BK4": "DELETE FROM job WHERE name = 'payments.sift_entries' AND state = 'waiting'",
    "J1": """
        INSERT INTO job (name, arguments, state, due_at, attempts, enqueued_at, started_at)
        VALUES ('x', '{}', 'running', now(), 1, now(), now() - interval '2 hours')
    """,
    "J2": """
        INSERT INTO job (name, arguments, state, due_at, attempts, enqueued_at, started_at, finished_at)
        VALUES ('x', '{}', 'dead', now(), 1, now(), now(), now())
    """,
    # identity
    "I1": """
        UPDATE account SET status = 'disabled'
        WHERE id = (SELECT account_id FROM account_role WHERE role = 'shopper' LIMIT 1)
    """,
    "I2": "DELETE FROM account_role WHERE role = 'shopper'",
    "I3": "UPDATE account_role SET role = 'buyer' WHERE role = 'cooperative'",
    "I4": "UPDATE membership SET cooperative_id = gen_random_uuid()",
    "I5": """
        UPDATE login_session SET revoked_at = now();
        UPDATE account SET status = 'disabled'
        WHERE id IN (SELECT account_id FROM account_role WHERE role = 'operator')
    """,
    "I6": "UPDATE audit_entry SET action = 'account.found' WHERE action = 'account.create'",
    # addresses
    "AD1": "UPDATE address SET is_default = false",
    "AD2": "UPDATE address SET sealed = set_byte(sealed, 20, 255 - get_byte(sealed, 20))",
    # catalogue
    "K1": "UPDATE pack SET gtin = '09521234000014' WHERE code = 'FUJI-A-5'",
    "K2": "UPDATE cooperative SET gln = '9521234001004' WHERE code = 'YJ01'",
    "K3": """
        ALTER TABLE pack DROP CONSTRAINT fk_pack_product_id_product;
        UPDATE pack SET product_id = gen_random_uuid() WHERE code = 'FUJI-A-5'
    """,
    # webhooks
    "W1": "UPDATE webhook_message SET told_count = told_count + 1 WHERE type = 'case.opened'",
    "W2": """
        UPDATE webhook_message SET cooperative_ids = '{}' WHERE id =
            (SELECT d.message_id FROM webhook_delivery d JOIN webhook_endpoint e ON e.id = d.endpoint_id
            JOIN webhook_message m ON m.id = d.message_id
            WHERE e.cooperative_id IS NOT NULL AND m.endpoint_id IS NULL LIMIT 1)
    """,
    "W3": "UPDATE webhook_attempt SET outcome = 'refused', status = 500 WHERE outcome = 'accepted'",
    "W5": "UPDATE provider_event SET received_at = now() - interval '2 hours' WHERE handled_at IS NULL",
    "W4": "UPDATE webhook_secret SET expires_at = now()",
    # notifications
    "U1": """
        ALTER TABLE notification DROP CONSTRAINT uq_notification_account_id_kind_cause;
        UPDATE notification SET cause = 'order:x' WHERE kind = 'order_committed';
        INSERT INTO notification SELECT gen_random_uuid(), account_id, kind, cause, facts, title_en, title_zh,
            body_en, body_zh, created_at, read_at FROM notification WHERE kind = 'order_committed'
    """,
    "U2": """
        UPDATE notification_delivery SET state = 'sent', attempts = 1, resolved_at = now();
        INSERT INTO notification_refusal
        SELECT DISTINCT ON (account_id) account_id, kind, 'console', created_at - interval '1 hour'
        FROM notification WHERE kind = 'order_committed'
    """,
    "U3": """
        INSERT INTO notification_refusal SELECT DISTINCT account_id, 'refund_paid', 'email', now()
        FROM notification WHERE kind = 'order_committed'
    """,
    "U4": "DELETE FROM job WHERE name = 'notifications.deliver'",
    # promotions
    "V1": "UPDATE promotion SET minor_reserved = minor_reserved - 1 WHERE minor_reserved > 0",
    "V2": "UPDATE promotion_use SET minor = minor + 1 WHERE state = 'given_back'",
    "V3": "UPDATE promotion SET uses_per_person_max = 1",
    # pledges
    "PL1": """
        UPDATE hold SET purpose_id = gen_random_uuid() WHERE id = (SELECT min(h.id::text)::uuid FROM hold h
            WHERE h.kind = 'pledge' AND h.state = 'active'
            AND NOT EXISTS (SELECT FROM capacity_line l WHERE l.hold_id = h.id))
    """,
    "PL2": "UPDATE pledge_move SET boxes_before = boxes_before + 1",
    "V4": """
        UPDATE "order" SET discounts = jsonb_set(discounts, '{0,amount_minor}', '1')
        WHERE discount_minor > 0 AND discounts -> 0 ->> 'kind' <> 'group_buy'
    """,
    "V5": "UPDATE hold SET discount_minor = discount_minor - 1 WHERE discount_minor > 0 AND state = 'active'",
    "V6": "UPDATE pool SET has_promotions = true",
    "V7": "UPDATE promotion_group SET places_taken = places_taken - 1 WHERE state = 'open'",
    "V8": "UPDATE promotion_group_member SET reserved_minor = reserved_minor - 1 WHERE state = 'joined'",
    "V9": "UPDATE part_refund SET reason = 'ladder' WHERE reason = 'group_buy'",
    "V10": """
        UPDATE "order" SET discounts = jsonb_set(discounts, '{0,funder}', '"cooperative"')
        WHERE id IN (SELECT order_id FROM deposit_terms) AND discount_minor > 0
    """,
    # inventory
    "S1": "UPDATE lot SET on_hand_grams = on_hand_grams + 1 WHERE code = 'L-1'",
    "S2": """
        ALTER TABLE lot DROP CONSTRAINT ck_lot_buckets;
        ALTER TABLE movement DROP CONSTRAINT ck_movement_buckets;
        INSERT INTO movement (id, lot_id, number, kind, on_hand_delta_grams, held_delta_grams, on_hand_grams,
            held_grams, committed_delta_grams, packed_delta_grams, committed_grams, packed_grams, reason, actor, at)
        SELECT gen_random_uuid(), id, version + 1, 'shrunk', -on_hand_grams, 0, 0, held_grams,
            0, 0, 0, 0, 'rot', 'x', now()
        FROM lot WHERE code = 'L-1';
        UPDATE lot SET on_hand_grams = 0, version = version + 1 WHERE code = 'L-1'
    """,
    "S3": """
        UPDATE movement SET on_hand_grams = on_hand_grams + 1
        WHERE number = 1 AND lot_id = (SELECT id FROM lot WHERE code = 'L-1')
    """,
    "S4": "UPDATE lot SET version = version + 1 WHERE code = 'L-1'",
    "S5": """
        ALTER TABLE movement DROP CONSTRAINT ck_movement_first;
        ALTER TABLE movement DROP CONSTRAINT ck_movement_reason;
        UPDATE movement SET kind = 'adjusted' WHERE number = 1 AND lot_id = (SELECT id FROM lot WHERE code = 'L-1')
    """,
    "S6": """
        ALTER TABLE movement DROP CONSTRAINT ck_movement_hold;
        INSERT INTO movement (id, lot_id, number, kind, on_hand_delta_grams, held_delta_grams, on_hand_grams,
            held_grams, committed_delta_grams, packed_delta_grams, committed_grams, packed_grams, reason, actor, at)
        SELECT gen_random_uuid(), id, version + 1, 'held', 0, 1, on_hand_grams, held_grams + 1,
            0, 0, committed_grams, packed_grams, 'x', 'x', now()
        FROM lot WHERE code = (SELECT min(code) FROM lot WHERE held_grams < on_hand_grams);
        UPDATE lot SET held_grams = held_grams + 1, version = version + 1
        WHERE code = (SELECT min(code) FROM lot WHERE held_grams < on_hand_grams)
    """,
    "S7": "UPDATE pool SET boxes_pledged = boxes_pledged + 1",
    "S10": "UPDATE pool_movement SET boxes_held = boxes_held - 1 WHERE kind = 'held' AND number = 3",
    "S11": "UPDATE pool SET version = version + 1",
    "S12": """
        UPDATE pool_movement m SET hold_id = other.id FROM hold h JOIN hold other
            ON other.pool_id = h.pool_id AND other.kind = 'cart' AND other.id <> h.id
        WHERE m.hold_id = h.id AND h.kind = 'cart' AND m.kind = 'held'
    """,
    "S8": """
        INSERT INTO movement (id, lot_id, number, kind, on_hand_delta_grams, held_delta_grams, on_hand_grams,
            held_grams, committed_delta_grams, packed_delta_grams, committed_grams, packed_grams, hold_id, actor, at)
        SELECT gen_random_uuid(), l.id, version + 1, 'committed', 0, -1, on_hand_grams, held_grams - 1, 1, 0, 1, 0,
            (SELECT min(h.id::text)::uuid FROM hold h WHERE h.lot_id = l.id AND h.kind = 'pledge'), 'x', now()
        FROM lot l WHERE code = 'L-1';
        INSERT INTO movement (id, lot_id, number, kind, on_hand_delta_grams, held_delta_grams, on_hand_grams,
            held_grams, committed_delta_grams, packed_delta_grams, committed_grams, packed_grams, hold_id, actor, at)
        SELECT gen_random_uuid(), l.id, version + 2, 'packed', 0, 0, on_hand_grams, held_grams - 1, 0, 1, 1, 1,
            (SELECT min(h.id::text)::uuid FROM hold h WHERE h.lot_id <> l.id AND h.state = 'active'), 'x', now()
        FROM lot l WHERE code = 'L-1';
        UPDATE lot SET held_grams = held_grams - 1, committed_grams = 1, packed_grams = 1, version = version + 2
        WHERE code = 'L-1'
    """,
    "Q1": "UPDATE lot SET status = 'quarantined' WHERE code = 'L-1'",
    "Q2": """
        INSERT INTO movement (id, lot_id, number, kind, on_hand_delta_grams, held_delta_grams, on_hand_grams,
            held_grams, committed_delta_grams, packed_delta_grams, committed_grams, packed_grams, reason, actor, at)
        SELECT gen_random_uuid(), id, version + 2, 'cleared', 0, 0, on_hand_grams, held_grams,
            0, 0, 0, 0, 'x', 'x', now()
        FROM lot WHERE code = 'L-1';
        UPDATE movement m SET number = m.number + 1 FROM lot l
        WHERE l.id = m.lot_id AND l.code = 'L-1' AND m.number = l.version AND m.kind = 'held';
        INSERT INTO movement (id, lot_id, number, kind, on_hand_delta_grams, held_delta_grams, on_hand_grams,
            held_grams, committed_delta_grams, packed_delta_grams, committed_grams, packed_grams, reason, actor, at)
        SELECT gen_random_uuid(), l.id, l.version, 'quarantined', 0, 0, m.on_hand_grams, m.held_grams,
            0, 0, 0, 0, 'x', 'x', now()
        FROM lot l JOIN movement m ON m.lot_id = l.id AND m.number = l.version - 1 WHERE l.code = 'L-1';
        UPDATE lot SET version = version + 2 WHERE code = 'L-1'
    """,
    "Q3": """
        UPDATE movement SET kind = 'cleared', at = at - interval '1 hour' WHERE kind = 'recalled'
            AND lot_id = (SELECT id FROM lot WHERE code = 'L-7');
        UPDATE lot SET status = 'available' WHERE code = 'L-7'
    """,
    "H1": """
        UPDATE movement m SET hold_id = other.hold_id FROM movement other
        WHERE m.kind = 'held' AND other.kind = 'held' AND other.id =
            (SELECT o.id FROM movement o WHERE o.kind = 'held' AND o.lot_id <> m.lot_id ORDER BY o.id LIMIT 1)
        AND m.hold_id NOT IN (SELECT hold_id FROM movement WHERE kind IN ('committed', 'released', 'shipped'))
        AND m.lot_id NOT IN (SELECT id FROM lot WHERE variety = 'Qinguan')
    """,
    "H2": """
        UPDATE hold SET created_at = now() - interval '1 hour', expires_at = now() - interval '20 minutes'
        WHERE kind = 'cart' AND state = 'active'
    """,
    "H4": """
        UPDATE hold SET pack_id = (SELECT id FROM pack WHERE code = 'GALA')
        WHERE kind = 'cart' AND state = 'active'
    """,
    "H5": "UPDATE pool SET boxes_per_buyer_max = 1",
    "H9": """
        UPDATE account SET household = 'x' WHERE id IN (SELECT owner_id FROM hold WHERE kind = 'cart');
        UPDATE pool SET boxes_per_household_max = 2
    """,
    "H6": """
        ALTER TABLE hold DROP CONSTRAINT ck_hold_resolved;
        UPDATE hold SET resolved_at = now() WHERE kind = 'cart' AND state = 'active'
    """,
    "H7": "UPDATE waitlist_entry SET number = number + 1",
    "H8": """
        UPDATE pool SET sells_from = now() - interval '1 day', sells_until = now() - interval '11 minutes'
        WHERE id = (SELECT pool_id FROM waitlist_entry WHERE state = 'waiting')
    """,
    # cases
    "E1": 'UPDATE "case" SET version = version + 1',
    "E2": "UPDATE case_note SET kind = 'settled', words = 'x' WHERE number = 2",
    # traces
    "T2": """
        UPDATE trace_event SET link = sha256(link) WHERE number = 1
    """,
    "T3": "UPDATE trace_checkpoint SET note = replace(note, 'head ', 'heads ')",
    "T4": "UPDATE trace_mention SET role = 'in' WHERE role = 'ou'",
    "T5": "UPDATE trace_event SET action = 'ADD' WHERE action = 'OBSERVE'",
    # subscriptions to events
    "ES1": "UPDATE event_subscription SET goal = goal + 1000000 WHERE NOT is_stream",
    "ES2": "UPDATE event_delivery SET ends = ends + 1",
    "ES3": "UPDATE event_subscription SET due_at = due_at + interval '1 second' WHERE NOT is_stream",
    # capacity
    "F1": "UPDATE capacity SET promised_grams = promised_grams + 1 WHERE grade = 'A'",
    "F2": "UPDATE \"case\" SET kind = 'late_payment' WHERE kind = 'shortfall'",
    "F3": "UPDATE capacity SET lines_count = lines_count + 1",
    "F4": "UPDATE capacity SET weighed_grams = weighed_grams + 1 WHERE grade = 'A'",
    "F5": "UPDATE weighing SET converted_grams = converted_grams - 1",
    "F7": """
        UPDATE capacity_line SET purpose_id = gen_random_uuid() WHERE purpose_kind = 'pledge' AND purpose_id NOT IN
            (SELECT purpose_id FROM capacity_line WHERE kind = 'convert')
    """,
    "F6": "UPDATE capacity_line SET promised_grams = promised_grams + 1",
    # rows of phones
    "B1": "UPDATE lot_intake SET facts = jsonb_set(facts, '{quantity}', '1')",
    # reconciliations
    "R1": "UPDATE reconciliation SET differences = differences - 1",
    "R2": "UPDATE reconciliation_finding SET case_id = (SELECT id FROM \"case\" WHERE kind = 'shortfall')",
    "R3": "UPDATE reconciliation_repair SET movement_id = (SELECT id FROM movement WHERE kind = 'received' LIMIT 1)",
    # stores
    "D1": "UPDATE cold_store SET capacity_grams = 1",
    "D2": """
        INSERT INTO storage_price (id, cold_store_id, valid_from, minor_per_tonne_day, currency, created_at)
        SELECT gen_random_uuid(), cold_store_id, '2030-01-01', 1, 'USD', now() FROM storage_price
    """,
    "M1": """
        UPDATE lot_parent SET parent_id = (SELECT id FROM lot WHERE code = 'L-1') WHERE kind = 'split'
    """,
    "M2": """
        UPDATE lot_parent SET child_id = (SELECT id FROM lot WHERE code = 'L-1') WHERE kind = 'split'
    """,
    "M3": """
        UPDATE lot_parent SET parent_id = (SELECT id FROM lot WHERE code = 'L-1') WHERE kind = 'returned'
    """,
    "M4": "UPDATE transfer SET out_number = 1",
    # labels
    "T1": "UPDATE label_serial SET net_grams = 1000000000000 WHERE state = 'shipped'",
    "LC1": "UPDATE label_account SET balance_grams = balance_grams + 1 WHERE owed_grams = 0",
    "LC2": "UPDATE label_line SET balance_grams = balance_grams + 1 WHERE number = 1",
    "LC3": "UPDATE lot_label SET certified_grams = certified_grams + 1000000000000",
    "LC4": "UPDATE label_harvest SET weighed_grams = 1000000000000, certified_grams = 1000000000000",
    "LC5": "DELETE FROM label_serial WHERE state = 'issued'",
    "LC6": "UPDATE lot_label SET labelled_grams = labelled_grams + 1",
    "LC7": "UPDATE label_account SET eligible_grams = eligible_grams + 1",
    "N1": "UPDATE stock_take SET number = 1",
    # orders
    "A1": """
        UPDATE bulk_terms SET boxes_short = boxes_short + 1
        WHERE order_id IN (SELECT id FROM "order" WHERE kind = 'sponsor_bulk' AND state = 'proposed')
    """,
    "A2": """
        UPDATE hold SET purpose_id = gen_random_uuid()
        WHERE id = (
            SELECT id FROM hold
            WHERE purpose_kind = 'share' AND state IN ('active', 'consumed') AND boxes > released_boxes
            ORDER BY id LIMIT 1
        )
    """,
    "A3": "UPDATE season_entry SET grams = grams - 1 WHERE reason = 'share' AND run_id IS NOT NULL",
    "A4": "UPDATE allocation_run SET digest = 'sha256:0'",
    "A5": "UPDATE \"order\" SET state = 'approved' WHERE kind = 'sponsor_bulk'",
    "A6": """
        INSERT INTO movement (id, lot_id, number, kind, on_hand_delta_grams, held_delta_grams, on_hand_grams,
            held_grams, committed_delta_grams, packed_delta_grams, committed_grams, packed_grams, hold_id, actor, at)
        SELECT gen_random_uuid(), l.id, l.version + 1, 'committed', 0, -1, l.on_hand_grams, l.held_grams - 1,
            1, 0, 1, 0, h.id, 'x', now()
        FROM lot l JOIN hold h ON h.lot_id = l.id AND h.purpose_kind = 'share' WHERE l.code = 'L-1';
        UPDATE lot SET held_grams = held_grams - 1, committed_grams = 1, version = version + 1 WHERE code = 'L-1'
    """,
    "O4": "UPDATE payment SET amount_minor = amount_minor + 1 WHERE state = 'processing'",
    "O5": """
        UPDATE "order" SET state = 'expired' WHERE state = 'withdrawn'
            AND id IN (SELECT order_id FROM payment WHERE state = 'succeeded')
    """,
    "O6": "UPDATE \"case\" SET subject_id = gen_random_uuid() WHERE kind = 'late_payment'",
    "O7": f"""
        {booked_otherwise(BALANCES)}
        UPDATE payment SET amount_minor = amount_minor + 1, received_minor = received_minor + 1
        WHERE purpose = 'balance' AND state = 'succeeded'
    """,
    "O8": f"""
        {booked_otherwise("SELECT id FROM ledger_transfer WHERE kind = 'deposit_forfeited'")}
        UPDATE forfeit SET amount_minor = amount_minor + 1
    """,
    "O9": """
        UPDATE deposit_terms SET balance_minor = balance_minor + 1
        WHERE order_id IN (SELECT id FROM "order" WHERE state = 'balance_defaulted')
    """,
    "H3": """
        DROP INDEX uq_order_hold_id;
        UPDATE "order" o SET hold_id = other.hold_id FROM "order" other
        WHERE (o.state = 'committed' AND other.state = 'deposit_due' OR o.state = 'deposit_due'
            AND other.state = 'committed') AND o.hold_id IS NOT NULL AND other.hold_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM shortage_cut c WHERE c.order_id IN (o.id, other.id))
        AND o.discount_minor + other.discount_minor = 0
        AND NOT EXISTS (SELECT FROM promotion_use u WHERE u.hold_id IN (o.hold_id, other.hold_id))
        AND o.kind = 'shopper_presale' AND other.kind = 'shopper_presale'
    """,
    # campaigns
    "C1": "UPDATE campaign_transition SET after = 'paused' WHERE after = 'deposit_open'",
    "C2": """
        UPDATE campaign_transition SET number = number + 10 WHERE after = 'deposit_open'
            AND campaign_id IN (SELECT id FROM campaign WHERE state = 'deposit_open')
    """,
    "C3": "UPDATE campaign_item SET boxes_per_buyer_max = 1",
    "C4": """
        UPDATE campaign_item SET unit_price_minor = unit_price_minor + 1
        WHERE id NOT IN (SELECT item_id FROM campaign_step) AND pool_id NOT IN (SELECT pool_id FROM pool_balance)
    """,
    "C5": """
        UPDATE campaign SET state = 'paused' WHERE state = 'deposit_open';
        UPDATE campaign_transition SET after = 'paused' WHERE after = 'deposit_open'
    """,
    "C6": "UPDATE pool SET deposit_minor = 1100 WHERE deposit_type = 'earnest'",
    "C7": "UPDATE pool_balance SET boxes_sold = 0",
    # policies
    "Y1": "UPDATE campaign_policy SET neighbour_hours = neighbour_hours + 1",
    "Y2": "DELETE FROM policy_signature",
    "Y3": "UPDATE allotment_run SET policy_digest = 'sha256:0'",
    # shortages
    "X1": "UPDATE shortage SET seed_hash = repeat('0', 64)",
    "X2": "DELETE FROM shortage_cut WHERE boxes_moved = 0",
    "X3": """UPDATE "order" SET state = 'released' WHERE state = 'cut'""",
    "X4": f"""
        {booked_otherwise(COMPENSATIONS, -1)}
        UPDATE part_refund SET amount_minor = amount_minor - 1 WHERE kind = 'compensation'
    """,
    "X5": "UPDATE shortage SET covered_boxes = covered_boxes + 1",
    # exports
    "O10": """
        UPDATE hold SET currency = 'EUR' WHERE id IN
            (SELECT o.hold_id FROM "order" o JOIN export_terms t ON t.order_id = o.id)
    """,
    "EX1": "UPDATE campaign_item_price SET unit_price_minor = unit_price_minor + 1",
    "EX2": "DELETE FROM export_requirement r USING export_terms t WHERE t.order_id = r.order_id AND ready_at IS NULL",
    "EX3": "UPDATE export_terms SET ready_at = ready_at - interval '1 day' WHERE ready_at IS NOT NULL",
    "EX4": "UPDATE export_document SET version = 3 WHERE version = 2",
    "X6": "UPDATE shortage_wait SET place = place + 1",
    "X7": """
        UPDATE shortage_cut SET boxes_before = boxes_before + 1, boxes_cut = boxes_cut + 1
        WHERE id = (SELECT id FROM shortage_cut ORDER BY id DESC LIMIT 1)
    """,
    # the ledger
    "L1": """
        UPDATE ledger_balance b SET debits_posted = debits_posted + 1
        WHERE account_id = (SELECT id FROM ledger_account WHERE code = 'bank' AND currency = 'JPY')
            AND slot = (SELECT min(o.slot) FROM ledger_balance o WHERE o.account_id = b.account_id);
        UPDATE ledger_entry SET amount_minor = amount_minor + 1
        WHERE side = 'debit' AND transfer_id = (SELECT id FROM ledger_transfer WHERE kind = 'paid')
    """,
    "L2": """
        UPDATE ledger_entry SET number = 3
        WHERE number = 2 AND transfer_id = (SELECT id FROM ledger_transfer WHERE kind = 'paid')
    """,
    "L3": """
        UPDATE ledger_balance SET credits_posted = credits_posted + 1
        WHERE account_id = (SELECT id FROM ledger_account WHERE code = 'bank' AND currency = 'JPY')
    """,
    "L4": "UPDATE ledger_transfer SET source_id = gen_random_uuid() WHERE kind = 'deposit_forfeited'",
    "L5": "UPDATE ledger_transfer SET source_id = gen_random_uuid() WHERE phase = 'void'",
    "L6": "UPDATE ledger_account SET code = 'elsewhere' WHERE code = 'deposit_liability'",
    "L8": "UPDATE ledger_account SET code = 'elsewhere' WHERE code = 'refund_payable'",
    "L7": """
        UPDATE ledger_account SET owner_id = gen_random_uuid()
        WHERE code = 'sponsor_escrow' AND owner_id IN (SELECT id FROM sponsorship)
    """,
    # settlements
    "ST1": "UPDATE settlement SET payout_minor = payout_minor + 1 WHERE state = 'proposed'",
    "ST2": "UPDATE settlement SET told = told || ' ' WHERE state = 'proposed'",
    "ST3": "UPDATE settlement_move SET after = 'draft' WHERE event = 'propose'"
    " AND settlement_id IN (SELECT id FROM settlement WHERE state = 'proposed')",
    "ST4": "UPDATE ledger_transfer SET source_id = gen_random_uuid() WHERE kind = 'settled'",
    "ST5": "UPDATE retention SET left_minor = left_minor - 1",
    "ST6": """
        INSERT INTO late_refund SELECT gen_random_uuid(), s.id, r.id, 'refund', r.amount_minor + 1, false, 0, 0, 0,
            '{}', 'x', now() FROM settlement s, part_refund r LIMIT 1
    """,
    "ST7": "UPDATE payout SET purpose_id = gen_random_uuid() WHERE purpose = 'settlement' AND state = 'paid'",
    # storage bills
    "SB1": "UPDATE storage_bill SET amount_minor = amount_minor + 1 WHERE reference = 'INV-2'",
    "SB2": """
        UPDATE storage_part SET gram_days = gram_days + 1 WHERE id = (SELECT p.id FROM storage_part p
            JOIN storage_bill b ON b.id = p.bill_id WHERE b.reference = 'INV-2' LIMIT 1);
        UPDATE storage_bill SET gram_days = gram_days + 1 WHERE reference = 'INV-2'
    """,
    "SB3": "UPDATE storage_part SET state = 'open', settlement_id = NULL WHERE state = 'taken'",
    "SB4": """
        UPDATE storage_part SET state = 'withdrawn'
        WHERE bill_id = (SELECT id FROM storage_bill WHERE reference = 'INV-2')
    """,
    # allocations of campaigns
    "AL1": "UPDATE allotted_item SET boxes = boxes + 1",
    "AL2": """
        UPDATE hold h SET cooperative_id = (SELECT id FROM cooperative WHERE code = 'YJ01')
        FROM campaign_item i JOIN commitment m ON m.item_id = i.id
        WHERE h.pool_id = i.pool_id AND h.kind = 'pledge' AND h.cooperative_id = m.cooperative_id AND m.code = 'YJ02'
    """,
    # parcels
    "PA1": "UPDATE \"order\" SET state = 'committed', version = version + 1 WHERE state = 'packing'",
    "PA2": "UPDATE \"order\" SET state = 'delivered' WHERE state = 'shipped'",
    "PA3": "UPDATE parcel SET state = 'packed', packed_at = now() WHERE state = 'planned'",
    "PA5": """
        UPDATE label_serial SET parcel_id = (SELECT id FROM parcel WHERE state = 'shipped' LIMIT 1)
        WHERE state = 'shipped'
    """,
    "PA4": "UPDATE wave SET orders = orders + 1, boxes = boxes + 1",
    "SP1": "UPDATE short_pick SET boxes_refunded = boxes_refunded + 1",
    "SP2": "UPDATE hold SET state = 'active', consumed_boxes = 0, resolved_at = NULL WHERE kind = 'missing'",
    # claims
    "CL1": "UPDATE claim SET boxes = boxes + 1000 WHERE state = 'open'",
    "CL2": "UPDATE claim SET refund_minor = refund_minor + 1 WHERE state = 'refunded'",
    "CL3": "UPDATE \"order\" SET state = 'closed' WHERE id IN (SELECT order_id FROM claim WHERE state = 'open')",
    "CL4": """
        UPDATE parcel SET state = 'lost', lost_at = delivered_at, delivered_at = NULL
        WHERE id = (SELECT parcel_id FROM claim WHERE state = 'open')
    """,
    "CL5": """
        UPDATE parcel SET replaces_id = (
            SELECT id FROM parcel other WHERE other.id NOT IN (parcel.id, parcel.replaces_id) LIMIT 1
        ) WHERE claim_id IS NOT NULL
    """,
    "CL6": "UPDATE hold SET purpose_id = gen_random_uuid() WHERE purpose_kind = 'claim'",
    # rural jobs
    "WK1": "UPDATE shift_scan SET box = 1000 WHERE kind = 'packing'",
    "WK2": "UPDATE wage_line SET top_up_minor = top_up_minor + 1, total_minor = total_minor + 1",
    "WK3": """
        UPDATE shift_worker SET checked_out_at = checked_out_at + interval '1 day'
        WHERE shift_id = (SELECT id FROM shift WHERE state = 'open')
    """,
    "WK4": "UPDATE shift SET state = 'signed' WHERE state = 'paid'",
    "WK5": "UPDATE shift_scan SET scanned_at = scanned_at - interval '1 day'",
    "PT1": """
        UPDATE pallet SET cooperative_id = (SELECT id FROM cooperative c WHERE c.id <> pallet.cooperative_id LIMIT 1)
    """,
    "PT2": "DELETE FROM pallet_parcel",
    "PT3": "UPDATE pallet SET link = link || '0'",
    "HO1": "UPDATE hand_over SET boxes = boxes + 1",
    "CT1": "UPDATE parcel_tracking SET status = 'delivered' WHERE status = 'in_transit'",
    "AL3": "UPDATE allotment_run SET digest = 'sha256:0'",
    "AL4": "UPDATE season_entry SET grams = grams + 1 WHERE purpose_id IS NOT NULL",
    "AL5": "UPDATE supply SET boxes = boxes + 1",
    # sponsorships
    "Z1": "UPDATE sponsorship SET lines = lines + 1 WHERE state = 'drawing'",
    "Z2": """
        UPDATE sponsored_share SET boxes_taken_in = boxes_taken_in - 1, boxes_delivered = 0 WHERE boxes_taken_in > 0
    """,
    "Z3": "UPDATE escrow_line SET tranche = 'intake' WHERE tranche = 'confirmation'",
    "Z4": "UPDATE escrow_line SET payment_id = (SELECT id FROM payment WHERE purpose = 'order' LIMIT 1)"
    " WHERE kind = 'returned'",
    "Z5": f"""
        UPDATE sponsor_payable SET share_id = {OTHER_SHARE} WHERE share_id = {SPONSORED_SHARE};
        UPDATE escrow_line SET share_id = {OTHER_SHARE} WHERE share_id = {SPONSORED_SHARE};
        UPDATE sponsored_share SET share_id = {OTHER_SHARE} WHERE share_id = {SPONSORED_SHARE}
    """,
    "Z6": "UPDATE sponsor_draw SET boxes = boxes + 1 WHERE kind = 'gift'",
    "Z7": """
        UPDATE "order" SET state = 'withdrawn' WHERE kind = 'game_redemption' AND state = 'committed'
    """,
    # advances and evidence
    "AV1": "UPDATE advance_line SET number = number + 1 WHERE kind = 'repaid'",
    "AV2": "UPDATE advance_standing SET promised_minor = promised_minor + 1 WHERE promised_minor > 0",
    "AV3": booked_otherwise("SELECT id FROM ledger_transfer WHERE kind = 'netted_in_a_test'").rstrip("; \n"),
    "AV4": "UPDATE audit_entry SET actor = 'account:nobody' WHERE action = 'advance.granted'",
    "AV5": "UPDATE advance SET payout_id = gen_random_uuid() WHERE state = 'paid'",
    "EV1": "UPDATE evidence_reading SET at = at - interval '90 days'",
    "EV2": "UPDATE evidence_consent SET text_en = text_en || '.' WHERE signed_at IS NOT NULL",
    "Z8": "UPDATE sponsorship_move SET after = 'signed' WHERE event = 'fund'",
    "Z10": "UPDATE sponsor_payout SET amount_minor = amount_minor + 1",
    "Z9": "UPDATE sponsorship_move SET at = at - interval '1 day' WHERE event = 'allocate'",
}
"""Invariant → SQL that breaks it and nothing else."""


@pytest.fixture(scope="module")
def busy(built_app: Flask, database_urls: DatabaseUrls) -> Iterator[Flask]:
    """A market in the midst of its work: holds, orders and payments in every state, a bulk order."""
    with built_app.app_context():
        market = builders.build(built_app)
        shopper, operator, buyer = (
            house.caller(built_app, role) for role in (Role.SHOPPER, Role.OPERATOR, Role.BUYER)
        )
        house.caller(built_app, Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])
        cut(market, operator)
        market.pack("GALA")
        told(market)
        market.lot(100, code="L-1")
        market.lot(10, cooperative=1)
        parted(market)
        market.bulk(buyer, 12)
        sale = market.on_sale(20)
        paid(shopper, operator, sale, 1)
        confirmed(shopper, sale, 1)
        withdrawn = ordered(shopper, sale, 1)
        unlucky = confirmed(house.caller(built_app, Role.SHOPPER), sale, 1)
        failed = operator.post(f"/v1/payments/{unlucky['payment_id']}/failure", json={"reason": "bounced"})
        assert failed.status_code == 200
        held(shopper, sale, 2)
        money_in(market, operator, confirmed(house.caller(built_app, Role.SHOPPER), sale, 1))
        book.added(shopper)
        assert shopper.post(f"/v1/orders/{withdrawn['id']}/withdrawal").status_code == 200
        late = operator.post(f"/v1/payments/{withdrawn['payment_id']}/receipts", json=receipt(withdrawn))
        assert late.json["refund_due_minor"] == withdrawn["total_minor"]
        noted = operator.post(f"/v1/cases/{market.case().id}/notes", json={"words": "seen"})
        assert noted.status_code == 201
        market.capacity(100_000, promised=40_000, weighed=30_000)
        market.capacity(90_000, grade="B", promised=40_000, lowered_to=20_000)
        market.batch("L-P")
        market.lot(5, code="L-R", variety="Gala")
        drift("UPDATE lot SET on_hand_grams = on_hand_grams + 7 WHERE code = 'L-R'")
        market.reconciled(repaired=True)
        waiting(shopper, house.caller(built_app, Role.SHOPPER), market.on_sale(1))
        parted_price(market, operator)
        other = replace(market, pack_id=market.pack("Qinguan").id)
        harvested, asked = (
            allotted.sold(other, operator, variety="Qinguan").start(season="2027-28") for _ in range(2)
        )
        harvested.done(*(harvested.confirm(code) for code in ("YJ01", "YJ02", "YJ03")))
        asked.done(asked.decline("YJ01"))
        promoted(market, shopper)
        grouped(market, operator)
        forecast(market)
        by_card(market)
        exported(market, buyer, operator)
        sponsored(market, buyer, operator, shopper)
        sending(replace(market, pack_id=market.pack("Jonagold").id), operator)
        kept_in_books()
        money_out(market, operator)
        yield built_app
    house.empty(database_urls)


def traced(market: builders.Market) -> None:
    """Two events of a box, signed for."""
    recorded(market, observed(1), observed(2))
    database.transact(lambda session: checkpointing.sign_all(session, market.ctx))


def subscribed(market: builders.Market, operator: house.Caller) -> None:
    """One who is told at noon, and one for whom all there is waits."""
    url = f"/v1/counties/{market.county_id}/epcis/queries"
    kept = operator.post(url, json={"name": "all", "query": {"eventType": ["ObjectEvent"]}})
    assert kept.status_code == 201
    noon = {"schedule": {"hour": "12", "minute": "0"}}
    everything = {"stream": True, "initialRecordTime": "2000-01-01T00:00:00Z"}
    made = [
        operator.post(f"{url}/all/subscriptions", json={"dest": "https://client.example.com/", **when})
        for when in (noon, everything)
    ]
    assert [each.status_code for each in made] == [201, 201]
    told = made[1].json["subscriptionID"]
    database.transact(lambda session: gathering.gather(session, market.ctx, subscription_id=told))


def money_out(market: builders.Market, operator: house.Caller) -> None:
    traced(market)
    subscribed(market, operator)
    settled(market, operator)
    payout_stage.paid_out(market, operator)
    lending_stage.lent(replace(market, pack_id=market.pack("Ralls").id), operator)


def money_in(market: builders.Market, operator: house.Caller, order: dict[str, Any]) -> None:
    charged_to_card(market)
    stated(market, operator, order)


def stated(market: builders.Market, operator: house.Caller, order: dict[str, Any]) -> None:
    """A bank statement that was matched, with money that paid an order and a bad line; another that waits for it."""
    with database.reading() as session:
        text = session.get_one(Payment, uuid.UUID(order["payment_id"])).reference
    came = files.line("B1", minor=order["total_minor"], remittance=text)
    response = files.send(operator, files.table(came, files.line("B2"), {**files.line("B3"), "amount": "x"}))
    assert response.status_code == 201, response.json
    statement_id = uuid.UUID(response.json["id"])

    def work(session: Session) -> None:
        sift_entries(session, market.ctx, statement_id=str(statement_id))
        job = session.scalars(select(StoredJob).where(StoredJob.name == "payments.settle_entry")).one()
        settle_entry(session, market.ctx, **job.arguments)

    database.transact(work)
    assert files.entry_of(operator, "B1")["state"] == "booked"
    assert files.send(operator, files.table(files.line("C1"))).status_code == 201


def by_card(market: builders.Market) -> None:
    """Two pay by card, one of them gets a part back, of which nobody has asked the gateway yet; an event has come."""
    with StandIn() as stand_in:
        market.app.extensions["remote_gateway"] = there.gateway_at(stand_in.url)
        between = there.There(market=market, stand_in=stand_in)
        sale = market.on_sale(3)
        for method in ("pm_card_visa", None):
            shopper = house.caller(market.app, Role.SHOPPER)
            order = ordered(shopper, sale, 1)
            assert there.pay(shopper, order, method).status_code == 200
            if method is not None:
                between.owe(order, 100)
        between.deliver()
    market.app.extensions["remote_gateway"] = None


def charged_to_card(market: builders.Market) -> None:
    """A deposit's card was kept, and the balance could not be charged to it. All jobs of payments have run."""
    with StandIn(first=1_000) as stand_in:
        market.app.extensions["remote_gateway"] = there.gateway_at(stand_in.url)
        between, shopper = (
            there.There(market=market, stand_in=stand_in),
            house.caller(market.app, Role.SHOPPER),
        )
        order = kept.opened(between, market, shopper)
        kept.declining(between, "card_declined", "lost_card")
        kept.charge(between, hours=24)
        assert kept.shown(shopper, order)["problem"] == "lost_card"
    market.app.extensions["remote_gateway"] = None


def kept_in_books() -> None:
    """Money in yen that nothing else is about: booked, and reserved: posted in part, given up, or still waiting."""
    money.post(money.bank("JPY"), money.escrow("JPY"), 100)
    part, nothing, _ = (money.reserve(money.escrow("JPY"), money.bank("JPY"), each) for each in (10, 20, 30))
    money.settle(part, *money.lines(money.escrow("JPY"), money.bank("JPY"), 4))
    money.void(nothing)


def told(market: builders.Market) -> None:
    """A cooperative and the marketplace listen; one message has arrived, one is refused, others wait."""
    mine, _ = market.endpoint()
    market.endpoint(cooperative=None)
    market.case()

    def work(session: Session) -> None:
        due = session.scalars(
            select(Delivery).where(Delivery.endpoint_id == mine).order_by(Delivery.id)
        ).all()
        for delivery, status in zip(due, (204, 500), strict=True):
            outcome = Outcome.ACCEPTED if status == 204 else Outcome.REFUSED
            sent = Sent(
                delivery_id=delivery.id, answer=Answer(outcome=outcome, status=status), at=market.ctx.now
            )
            delivering._note(session, delivery, sent)

    database.transact(work)


def cut(market: builders.Market, operator: house.Caller) -> None:
    """Two orders, and a box for one of them: the other is cut, and a third waits for a later lot. When all is paid that
    box is lost as well.
    """
    short = stage.harvested(market, lambda role: house.caller(market.app, role), operator, (1, 2, 2), there=1)
    stage.opened(short, later_lot_on=market.today + timedelta(days=9))
    url = f"/v1/orders/{short.orders[2]['id']}/election"
    assert short.buyers[2].post(url, json={"choice": "wait"}).status_code == 200
    stage.let_pass(short, 49)
    assert database.transact(lambda session: closing.advance_due(session, market.later())) == 1

    def lose(session: Session) -> None:
        ctx = market.acting(operator, roles=frozenset({Role.OPERATOR}))
        campaign = balances.close_balance(session, market.later(), campaign_id=short.sale.campaign_id)
        quality.recall(session, ctx, lot_id=short.lots[1].id, reason="rot")
        assert opening.open_if_short(session, market.later(), campaign)

    database.transact(lose)
    for _ in range(2):  # neighbours may be asked before the buyers
        stage.let_pass(short, 49)
        database.transact(lambda session: closing.advance_due(session, market.later()))


def forecast(market: builders.Market) -> None:
    """Forecast fruit in a presale: one cooperative's still hangs, the other's is weighed in part."""
    other = replace(market, pack_id=market.pack("Ruixue").id)
    sale = other.draft(harvest_in=timedelta(days=1))
    for cooperative, weighed in enumerate((0, 3)):
        capacity = other.capacity(100_000, variety="Ruixue", cooperative=cooperative)
        other.forecast(sale, capacity, 5, cooperative=cooperative, weighed=weighed)


def sending(market: builders.Market, operator: house.Caller) -> None:
    """Four orders in a wave: one still in the store, one on its way on pallets, one delivered by itself, of which a
    claim is refunded, another box is sent for the second, and the third waits, and one that no cooperative can serve
    alone, of which some boxes are not there. The cooperatives sell as their households let them.
    """
    made = wave_stage.closed(market, operator, variety="Jonagold", pledged=(4, 8, 12), orders=(1, 4, 3, 16))
    worked(made, made.released())
    told = ["parcel,status,at"]
    for parcel in made.parcels(order_id=made.orders[1]["id"]):
        assert made.step(parcel, "packing").status_code == 200
        whose = [str(each) for each in market.cooperative_ids].index(parcel["cooperative_id"])
        pallet = loading.closed(made, [parcel], cooperative=whose)
        loading.given(made, cooperative=whose, pallet_ids=[pallet["id"]])
        told.append(f"{parcel['id']},in_transit,{market.ctx.now.isoformat()}")
    for parcel in made.parcels(order_id=made.orders[2]["id"]):
        for step in ("packing", "shipment", "delivery"):
            body = {"carrier": "SF"} if step == "shipment" else {}
            assert made.step(parcel, step, **body).status_code == 200
    report = operator.post("/v1/carrier-reports", data="\n".join(told).encode(), content_type="text/csv")
    assert report.json["taken"] == len(told) - 1, report.json
    arrived = [
        parcel for parcel in made.parcels(order_id=made.orders[2]["id"]) for _ in range(parcel["boxes"])
    ]
    claims = []
    for parcel in arrived[:3]:
        body = {"parcel_id": parcel["id"], "kind": "damage", "boxes": 1, "words": "bruised"}
        claims.append(made.buyers[2].post(f"/v1/orders/{made.orders[2]['id']}/claims", json=body))
    on = (market.today + timedelta(days=5)).isoformat()
    for number in range(len(builders.HOUSEHOLDS)):
        market.lot(1, cooperative=number, variety="Jonagold")  # nobody has bought it
    decisions = ({"remedy": "refund", "amount_minor": 100}, {"remedy": "replace", "delivered_on": on})
    for claim, decision in zip(claims, decisions, strict=False):
        decided = operator.post(f"/v1/claims/{claim.json['id']}/decision", json=decision)
        assert decided.status_code == 200, decided.json
    [packed, parcel, *_] = made.parcels(order_id=made.orders[3]["id"])
    assert made.step(packed, "packing").status_code == 200
    pick = {"lot_id": parcel["lot_id"], "boxes_found": 0, "reason": "rotten"}
    short = operator.post(f"/v1/waves/{parcel['wave_id']}/short-picks", json=pick)
    assert short.json["boxes_refunded"] >= parcel["boxes"], short.json


def worked(made: wave_stage.Sending, wave: dict[str, Any]) -> None:
    """A shift that packed a box and is paid, and another that is still at work."""
    [parcel] = made.parcels(order_id=made.orders[0]["id"])
    place = [str(each) for each in made.market.cooperative_ids].index(parcel["cooperative_id"])
    crew = crews.Crew(made=made, wave_id=wave["id"], place=place)
    li, wang = crew.worker("李"), crew.worker("王")
    first, second = crew.shift(li, wang), crew.shift(li, kind="haulage")
    crews.done(crew.attend(first, (li, 0, 60), (wang, 0, 61)))
    crews.done(crew.attend(second, (li, 60, 90)))
    assert crew.send(first, [crew.row(li, parcel)]) == ["taken"]
    crew.signed(first)
    day = crew.begins_at.date().isoformat()
    crews.done(crew.step(first, "wage-sheet/payment", how="cash", paid_on=day))


def settled(market: builders.Market, operator: house.Caller) -> None:
    """One cooperative is paid for a delivered sale, with retention; the others still read their settlements. Its season
    is its own: what the others sold before does not count.
    """
    mutsu = replace(market, pack_id=market.pack("Mutsu").id)
    made = settling_scene.delivered(
        wave_stage.closed(mutsu, operator, variety="Mutsu", terms={"season": "2028-29"})
    )
    until = (market.today + timedelta(days=180)).isoformat()
    storing.lain(market, 1, 0, 2)
    storing.parted(market, operator)
    made.proposed(retention_permille=50, retained_until=until)
    made.accept(2)
    storing.parted(market, operator, reference="INV-2")
    wrong = storing.parted(market, operator, reference="INV-3")
    gone = operator.post(f"/v1/storage-bills/{wrong}/withdrawal", json={"reason": "sent twice"})
    assert gone.status_code == 200
    desk = Desk(
        market=market,
        drafter=operator,
        approver=house.caller(market.app, Role.OPERATOR),
        member=made.members[2],
    )
    desk.name(cooperative=2)
    drafted = operator.post(f"/v1/settlements/{made.of(2)['id']}/payout").json
    desk.approve(market.stored(Payout, drafted["id"]))
    settings = market.app.config["SETTINGS"]
    market.app.config["SETTINGS"] = replace(settings, **PAYER)
    batch = operator.post("/v1/payout-batches", json={"currency": "CNY", "format": "csv"})
    market.app.config["SETTINGS"] = settings
    assert batch.status_code == 201, batch.json
    receipt_of = {"receipt_reference": "BANK-SETTLED"}
    assert operator.post(f"/v1/payouts/{drafted['id']}/receipt", json=receipt_of).status_code == 200


def drift(sql: str) -> None:
    """A counter changes and nothing tells of it."""
    database.transact(lambda session: session.execute(text(sql)))


def parted_price(market: builders.Market, operator: house.Caller) -> None:
    """A presale with a ladder and deposits to its end: one who paid all but a discount, one who did not, one who
    withdrew.
    """
    sale = presale.on_sale(market)
    good, bad, gone = (house.caller(market.app, Role.SHOPPER) for _ in range(3))
    _, code = scene.code_of(operator, sale, amount_minor=700)
    kept = scene.bought(good, operator, sale, 3, code)
    _, back = (presale.bought(each, operator, sale, 3) for each in (bad, gone))
    assert gone.post(f"/v1/orders/{back['id']}/withdrawal").status_code == 200
    presale.opened(market, sale)
    payment = presale.confirm(good, presale.balance(good, kept))
    assert presale.book(operator, payment).status_code == 200
    presale.closed(market, sale)


def promoted(market: builders.Market, shopper: house.Caller) -> None:
    """A coupon that one person uses twice: for boxes that are ordered, and for some that are held and quoted again."""
    sale, ctx = market.on_sale(5), market.acting(shopper)
    terms = promoting.Terms(
        kind=PromotionKind.COUPON,
        funder=Funder.COUNTY,
        title_en="Harvest",
        title_zh="丰收",
        budget_minor=1_000,
        amount_minor=500,
        uses_per_person_max=2,
    )

    def start(session: Session) -> uuid.UUID:
        row = promoting.draft(session, market.ctx, campaign_id=sale.campaign_id, terms=terms)
        promoting.move(session, market.ctx, promotion_id=row.id, to=PromotionState.ACTIVE)
        return row.id

    def use(session: Session) -> int:
        hold = budgets.live_hold(session, ctx, hold_id=hold_id)
        quoted, _ = budgets.reserve(session, ctx, hold=hold, offered=[budgets.Offered(promotion_id=coupon)])
        return quoted.discount_minor

    coupon = database.transact(start)
    for is_ordered in (True, False):
        hold_id = uuid.UUID(held(shopper, sale)["hold_id"])
        assert [database.transact(use) for _ in range(2)] == [500, 500]
        if is_ordered:
            assert shopper.post("/v1/orders", json={"hold_id": str(hold_id)}).status_code == 201


def grouped(market: builders.Market, operator: house.Caller) -> None:
    """Four groups of two: one is full and paid back, one has lapsed, of one only one has paid; one of deposits has
    its balances lessened.
    """
    deposits = presale.on_sale(market)
    reward = friends.group_buy(operator, deposits)
    pair = [house.caller(market.app, Role.SHOPPER) for _ in range(2)]
    place = friends.opened(pair[0], reward, deposits)
    code = place["group"]["code"]
    for friend, each in zip(pair, (place, friends.joined(pair[1], code, deposits)), strict=True):
        friends.buys(friend, operator, each)
    assert friends.settled(market, code) == 2
    sale = market.on_sale(10)
    promotion = friends.group_buy(operator, sale)
    for number, ended in enumerate(("settled", "lapsed", "open")):
        first, second = (house.caller(market.app, Role.SHOPPER) for _ in range(2))
        place = friends.opened(first, promotion, sale)
        code = place["group"]["code"]
        friends.buys(first, operator, place)
        other = friends.joined(second, code, sale)
        if ended == "settled":
            friends.buys(second, operator, other)
            assert friends.settled(market, code) == 2
        elif ended == "lapsed":
            friends.let_pass(code)
            assert friends.tended(market) == number


def exported(market: builders.Market, company: house.Caller, operator: house.Caller) -> None:
    """One export that is ready to ship, one that is asked for with a paper in two versions."""
    market.lot(20, best_before_on=market.today + timedelta(days=59))  # which is pledged before any other
    sale = abroad.sale_for(market, operator)
    ready = abroad.paid(company, operator, market, sale)
    abroad.with_all_papers(company, ready)
    assert operator.post(f"/v1/export-orders/{ready['id']}/readiness").status_code == 200
    asked = abroad.placed(company, market, sale)
    for data in (abroad.PDF, abroad.PDF + b"%%EOF"):
        assert abroad.upload(company, asked, data=data).status_code == 201


def sponsored(
    market: builders.Market, buyer: house.Caller, operator: house.Caller, shopper: house.Caller
) -> None:
    """A sponsor's purchase in the midst of it: some returned, taken in and delivered; drawn, given and redeemed."""
    other = replace(market, pack_id=market.pack("Delicious").id)
    for cooperative, boxes in enumerate((7, 7, 6)):
        other.lot(boxes, cooperative=cooperative, variety="Delicious")
    purchase = fund.drafted(other, buyer, operator, shopper_pays_minor=0).funded().allocated()
    order = purchase.order.approved()
    order.done(order.confirm("YJ01")).done(order.confirm("YJ02")).done(order.decline("YJ03"))
    order.done(order.accept_short())
    purchase.done(purchase.move("intakes", "YJ01", 2)).done(purchase.move("deliveries", "YJ01", 1))
    intake = operator.get("/v1/sponsor-payables?tranche=intake").json["items"][0]
    assert operator.post(f"/v1/sponsor-payables/{intake['id']}/payout").status_code == 201
    purchase.given(1)
    purchase.drawn(shopper, 1)
    assert fund.redeem(shopper, purchase.drawn(shopper, 2)).status_code == 200


def parted(market: builders.Market) -> None:
    """Other fruit: split off, on the road, shipped and taken back, recalled when graded; and a price of storing."""

    def work(session: Session) -> None:
        ctx = market.ctx
        price: dict[str, Any] = {"valid_from": market.today, "minor_per_tonne_day": 300, "currency": "CNY"}
        storage_prices.set_price(session, ctx, cold_store_id=market.cold_store_id, **price)
        parts = [{"code": "L-3", "quantity_grams": 10_000, "room_id": None}]
        parentage.split(session, ctx, lot_id=lot.id, parts=parts)
        stock_takes.take(session, ctx, lot_id=lot.id, counted_grams=89_000, reason="a bin was empty")
        to: dict[str, Any] = {"code": "L-5", "to_cold_store_id": market.cold_store_id}
        transfers.dispatch(session, ctx, lot_id=lot.id, quantity_grams=5_000, **to)
        [hold] = holds.place_on_lots(
            session,
            ctx,
            kind="allocation",
            cooperative_id=lot.cooperative_id,
            boxes=4,
            pack_grams=5_000,
            variety="Gala",
            grade="A",
            purpose=("sample", lot.id),
        )
        holds.consume(session, ctx, hold_id=hold.id)
        back = {"code": "L-4", "quantity_grams": 5_000, "reason": "too many"}
        parentage.take_back(session, ctx, lot_id=lot.id, **back)
        sorted_out = [{"code": "L-7", "quantity_grams": 10_000, "room_id": None, "grade": "B", "size": None}]
        parentage.grade(session, ctx, lot_id=bad.id, parts=sorted_out)
        quality.recall(session, ctx, lot_id=bad.id, reason="residues")

    lot = market.lot(20, code="L-2", variety="Gala")
    bad = market.lot(4, code="L-6", variety="Gala")
    database.transact(work)
    labelled(market)


def labelled(market: builders.Market) -> None:
    """Fruit of certified land, graded; labels of it handed out, on a box, shipped, and destroyed."""
    grove = groves.build(replace(market, pack_id=market.pack("Label").id), variety="Label")
    grove.plot()
    [good, _] = grove.grade(grove.lot("L-F"), ("L-A", "A", 800_000), ("L-B", "B", 100_000))
    _, bound, shipped, void = grove.issued(4)
    grove.do(serials.bind, serials=[bound, shipped], lot_id=good.id)
    grove.do(serials.ship, serials=[shipped])
    grove.do(serials.void, serials=[void], reason="torn", proof="burnt", witness="Li Hua")
    grove.do(lots.lose, lot_id=good.id, quantity_grams=50_000, reason="dried")


@pytest.fixture(scope="module")
def engine(database_urls: DatabaseUrls) -> Iterator[Engine]:
    made = create_engine(database_urls.owner_url)
    yield made
    made.dispose()


@pytest.fixture
def owner(busy: Flask, engine: Engine) -> Iterator[Connection]:
    """A connection of the tables' owner, in a transaction that leaves nothing."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def broken(app: Flask, connection: Connection) -> set[str]:
    with Session(connection) as session:
        findings = [
            verify._find(session, invariant) for invariant in verify.invariants_of(app.extensions["modules"])
        ]
    return {found.invariant.id for found in findings if not found.holds}


def test_every_invariant_of_every_module_is_broken_here_once(built_app: Flask) -> None:
    ids = [each.id for each in verify.invariants_of(built_app.extensions["modules"])]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(BREAKS)


def test_every_invariant_says_in_both_languages_what_it_holds(built_app: Flask) -> None:
    for each in verify.invariants_of(built_app.extensions["modules"]):
        assert each.says.en.endswith(".")
        assert each.says.zh.endswith("。")
        assert bool(each.sql) != (each.check is not None)


def test_a_busy_market_breaks_none(busy: Flask, owner: Connection) -> None:
    assert broken(busy, owner) == set()


@pytest.mark.parametrize("invariant", BREAKS)
def test_a_broken_rule_is_found_and_no_other(busy: Flask, owner: Connection, invariant: str) -> None:
    changed = [owner.execute(text(part)).rowcount for part in BREAKS[invariant].split(";")]
    assert changed[-1] > 0, "the test's SQL changed nothing"
    assert broken(busy, owner) == {invariant}


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("DELETE FROM audit_entry WHERE subject_kind = 'payment'", {"P2"}),
        ("DELETE FROM season_entry", {"A3"}),
        (
            "DELETE FROM season_entry; DELETE FROM sponsor_payout; DELETE FROM sponsor_payable;"
            " DELETE FROM sponsored_share; DELETE FROM escrow_line WHERE share_id IS NOT NULL; DELETE FROM share;"
            " DELETE FROM allocation_run",
            {"A1"},
        ),
        ("""UPDATE allocation_run SET result = jsonb_set(result, '{digest}', '"x"')""", {"A4"}),
        ("UPDATE allocation_run SET problem = '{}'", {"A4"}),
        ("UPDATE campaign SET cut_rule = 'proportional'", {"Y1"}),
        ("UPDATE campaign SET seed_hash = repeat('0', 64) WHERE seed IS NOT NULL", {"Y1"}),
        (
            "UPDATE campaign SET policy_digest = 'sha256:0' WHERE policy_digest IS NOT NULL",
            {"Y1", "Y2", "Y3"},
        ),
        ("UPDATE campaign_allocation SET weight = 'equal'", {"Y3"}),
        ("UPDATE campaign_allocation SET policy_digest = 'sha256:0'", {"Y3"}),
        ("UPDATE shortage SET earnest_permille = 0", {"Y3"}),
        ("UPDATE shortage SET policy_digest = 'sha256:0'", {"Y3"}),
        ("UPDATE policy_signature SET digest = 'sha256:0'", {"Y2"}),
        (
            "UPDATE deposit_terms SET discount_minor = discount_minor - 1, balance_minor = balance_minor + 1"
            " WHERE discount_minor > 0",
            {"O7", "O9", "V4"},
        ),
        (
            "UPDATE promotion_group_member m SET given_minor = given_minor - 1 WHERE state = 'rewarded'"
            """ AND hold_id IN (SELECT o.hold_id FROM "order" o JOIN deposit_terms t ON t.order_id = o.id)""",
            {"V8", "V9"},
        ),
        (
            """UPDATE "order" SET discounts = discounts || discounts, discount_minor = 2 * discount_minor,"""
            " total_minor = total_minor - discount_minor WHERE id IN (SELECT order_id FROM deposit_terms)"
            " AND discount_minor = 1000",
            {"V4", "V9"},
        ),
        (
            "INSERT INTO campaign_policy SELECT campaign_id, number + 1, season, rule, strict, weight, silence, 9,"
            " cut_rule, neighbour_hours, election_hours, earnest_permille, set_by, set_at FROM campaign_policy"
            " WHERE (campaign_id, number) IN (SELECT campaign_id, max(number) FROM campaign_policy GROUP BY 1)",
            {"Y1", "Y2"},
        ),
    ],
)
def test_what_is_missing_or_unreadable_is_found_too(
    busy: Flask, owner: Connection, sql: str, found: set[str]
) -> None:
    for part in sql.split(";"):
        assert owner.execute(text(part)).rowcount > 0
    assert found <= broken(busy, owner)


def test_the_command_says_that_all_hold(busy: Flask) -> None:
    result = busy.test_cli_runner().invoke(args=["verify"])
    assert result.exit_code == 0, result.output
    assert f"{len(BREAKS)} invariants" in result.output


def test_the_command_names_the_first_offending_row_and_fails(busy: Flask, engine: Engine) -> None:
    def raise_version(by: int) -> None:
        with engine.begin() as connection:
            connection.execute(text("UPDATE lot SET version = version + :by WHERE code = 'L-1'"), {"by": by})

    raise_version(1)
    try:
        result = busy.test_cli_runner().invoke(args=["verify"])
    finally:
        raise_version(-1)
    assert result.exit_code == 1
    assert f"1 of {len(BREAKS)} invariants are broken." in result.output
    assert "S4" in result.output
