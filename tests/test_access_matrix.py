"""Who may do what, tried at every door: each role, and each thing that is one's own, somebody else's or nobody's."""

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from campaigns.pledges import pledging
from inventory.models import Transfer
from inventory.transfers import transfers
from marketplace import context, database
from marketplace.access import ACCESS, Role
from marketplace.catalogue import cooperatives, counties
from marketplace.identity import accounts, service_keys
from marketplace.identity.scopes import Scope
from marketplace.language import Text
from marketplace.payments.saved.models import SavedCard
from marketplace.values import new_id
from orders.claims.models import Claim, ClaimPhoto
from orders.claims.photo_rules import PhotoType
from orders.claims.states import ClaimKind, ClaimState
from orders.fulfilment.models import Parcel
from orders.settlements.advance_models import Advance
from orders.settlements.advance_states import AdvanceState
from orders.sponsoring import committing
from orders.sponsoring.models import SponsorDraw
from orders.sponsoring.rules import Tranche
from orders.sponsoring.states import DrawKind, DrawState, SponsorKind
from tests import builders, house
from tests.addresses import book
from tests.builders import Market, Sale
from tests.campaigns import allotted
from tests.campaigns.exports import abroad
from tests.campaigns.fulfilment import loading
from tests.campaigns.fulfilment import stage as wave_stage
from tests.campaigns.settling import scene as settling_scene
from tests.campaigns.shortage import stage
from tests.house import SAFE, Caller
from tests.labels import grove as groves
from tests.ledger import money
from tests.payouts.desk import Desk

OWNED = {
    "payments.get_payment": "payment",
    "payments.confirm": "payment",
    "payments.list_refunds": "payment",
    "online_payments.pay": "payment",
    "online_payments.refresh": "payment",
    "notifications.read_notification": "notification",
    "orders.get_order": "order",
    "orders.withdraw": "order",
    "orders.pay_balance": "order",
    "orders.get_address": "order",
    "my_orders.get_mine": "order",
    "orders.choose_address": "order",
    "balance_consents.get_consent": "order",
    "balance_consents.switch_consent": "order",
    "saved_cards.remove_card": "saved_card",
    "addresses.get_address": "address",
    "addresses.edit_address": "address",
    "addresses.delete_address": "address",
    "holds.get_hold": "hold",
    "holds.release": "hold",
    "holds.extend": "hold",
    "hold_quotes.ask": "hold",
    "hold_quotes.get_quote": "hold",
    "waitlist.get_place": "place",
    "waitlist.leave": "place",
    "lots.get_lot": "lot",
    "lots.list_movements": "lot",
    "lots.lose": "lot",
    "lots.correct": "lot",
    "lots.quarantine": "lot",
    "capacities.get_capacity": "capacity",
    "capacities.list_revisions": "capacity",
    "capacities.revise": "capacity",
    "capacities.list_lines": "capacity",
    "capacities.list_weighings": "capacity",
    "capacities.weigh": "capacity",
    "capacities.close": "capacity",
    "label_plots.get_plot": "label_plot",
    "label_credits.get_credit": "label_credit",
    "label_credits.list_lines": "label_credit",
    "label_credits.get_borne": "label_credit",
    "label_credits.propose_transfer": "label_credit",
    "label_changes.get_change": "label_change",
    "label_batches.get_batch": "label_batch",
    "label_batches.list_labels": "label_batch",
    "label_sheets.take_sheet": "label_batch",
    "labels.get_label": "label",
    "lot_labels.get_lot_credit": "lot",
    "lot_labels.bind": "lot",
    "cases.get_case": "case",
    "cases.list_notes": "case",
    "cases.add_note": "case",
    "lot_families.split": "lot",
    "lot_families.grade": "lot",
    "lot_families.take_back": "lot",
    "lot_families.get_relatives": "lot",
    "stock_takes.list_stock_takes": "lot",
    "stock_takes.take": "lot",
    "quality.keep_back": "lot",
    "storage_costs.get_cost": "lot",
    "transfers.get_transfer": "transfer",
    "transfers.arrive": "transfer",
    "transfers.dispute": "transfer",
    "transfers.cancel": "transfer",
    "quality_readings.list_readings": "lot",
    "quality_readings.write_down": "lot",
    "bulk_orders.get_bulk": "bulk_order",
    "bulk_orders.accept_short": "bulk_order",
    "bulk_orders.cancel": "bulk_order",
    "shares.confirm": "share",
    "shares.decline": "share",
    "shares.reduce": "share",
    "shares.divide": "share",
    "allocation_runs.get_run": "run",
    "allocation_runs.get_report": "run",
    "allocation_runs.draw_run": "run",
    "allocation_runs.explain_share": "run",
    "export_orders.get_export": "export_order",
    "export_orders.cancel": "export_order",
    "export_orders.list_documents": "export_order",
    "export_orders.add_document": "export_order",
    "export_documents.download": "export_document",
    "webhook_endpoints.get_endpoint": "endpoint",
    "webhook_endpoints.edit_endpoint": "endpoint",
    "webhook_endpoints.remove": "endpoint",
    "webhook_endpoints.rotate": "endpoint",
    "webhook_endpoints.disable": "endpoint",
    "webhook_endpoints.enable": "endpoint",
    "webhook_endpoints.try_out": "endpoint",
    "webhook_endpoints.replay_since": "endpoint",
    "webhook_endpoints.list_deliveries": "endpoint",
    "webhook_deliveries.get_delivery": "delivery",
    "webhook_deliveries.replay": "delivery",
    "elections.get_election": "order",
    "elections.elect": "order",
    "shortage_offers.accept": "offer",
    "shortage_offers.decline": "offer",
    "parcels.get_parcel": "parcel",
    "parcels.read_recipient": "parcel",
    "parcels.list_labels": "parcel",
    "parcels.label": "parcel",
    "parcels.pack": "parcel",
    "parcels.ship": "parcel",
    "parcels.void_shipment": "parcel",
    "parcels.deliver": "parcel",
    "cooperative_pallets.open_pallet": "cooperative",
    "pallets.get_pallet": "pallet",
    "pallets.put_on": "pallet",
    "pallets.take_off": "pallet",
    "pallets.close": "pallet",
    "pallets.arrive": "pallet",
    "pallets.break_up": "pallet",
    "hand_overs.get_hand_over": "hand_over",
    "hand_overs.show_manifest": "hand_over",
    "hand_overs.download_manifest": "hand_over",
    "hand_overs.print_manifest": "hand_over",
    "order_parcels.list_of_order": "order",
    "order_claims.claim": "order",
    "claims.get_claim": "claim",
    "claims.list_photos": "claim",
    "claims.add_photo": "claim",
    "claims.withdraw": "claim",
    "claims.answer": "claim_to_answer",
    "claims.receive": "claim_to_answer",
    "claim_photos.download": "claim_photo",
    "settlements.get_settlement": "settlement",
    "settlements.get_statement": "settlement",
    "settlements.show_statement": "settlement",
    "settlements.download_statement": "settlement",
    "settlements.print_statement": "settlement",
    "settlements.list_moves": "settlement",
    "settlements.object_to": "settlement",
    "settlements.accept": "settlement",
    "settlements.list_late_refunds": "settlement",
    "settlements.part_payout": "settlement",
    "settlements.download_pay_sheet": "settlement",
    "commitments.get_commitment": "commitment",
    "commitments.confirm": "commitment",
    "commitments.decline": "commitment",
    "commitments.list_supplies": "commitment",
    "allotment_runs.get_run": "allotment_run",
    "allotment_runs.explain": "allotment_run",
    "pledges.get_pledge": "pledge",
    "pledges.list_moves": "pledge",
    "pledges.accept": "pledge",
    "pledges.decline": "pledge",
    "pledges.add": "pledge",
    "pledges.withdraw": "pledge",
    "sponsorships.get_sponsorship": "sponsorship",
    "sponsorships.sign": "sponsorship",
    "sponsorships.cancel": "sponsorship",
    "sponsorships.pay": "sponsorship",
    "sponsorships.list_moves": "sponsorship",
    "sponsorships.list_lines": "sponsorship",
    "sponsorships.get_statement": "sponsorship",
    "sponsorships.download_statement": "sponsorship",
    "sponsorships.draw_statement": "sponsorship",
    "sponsor_pools.give": "sponsorship",
    "advances.get_advance": "advance",
    "advances.list_lines": "advance",
    "advances.cancel": "advance",
    "evidence_consents.get_consent": "consent",
    "evidence_consents.sign": "consent",
    "evidence_consents.withdraw": "consent",
    "evidence_consents.list_readings": "consent",
    "evidence_consents.preview": "consent",
    "ledger.get_account": "ledger_account",
    "ledger.get_statement": "ledger_account",
    "ledger.download_statement": "ledger_account",
    "payout_destinations.get_destination": "payout_destination",
    "payouts.get_payout": "payout",
    "payouts.list_moves": "payout",
    "cooperative_workers.list_workers": "cooperative",
    "cooperative_workers.add_worker": "cooperative",
    "cooperative_workers.sum_up": "cooperative",
    "workers.get_worker": "worker",
    "workers.edit_worker": "worker",
    "shifts.get_shift": "shift",
    "shifts.list_workers": "shift",
    "shifts.assign": "shift",
    "shifts.take_off": "shift",
    "shifts.attend": "shift",
    "shifts.list_tasks": "shift",
    "shifts.list_scans": "shift",
    "shifts.scan": "shift",
    "shifts.close": "shift",
    "shifts.reopen": "shift",
    "shifts.get_sheet": "shift",
    "shifts.download_sheet": "shift",
    "shifts.sign": "shift",
    "shifts.mark_paid": "shift",
    "draws.get_draw": "draw",
    "draws.redeem": "draw",
    "draws.release": "draw",
}
"""Doors to one thing that belongs to somebody: foreign ones look like missing ones."""

PRIVATE = {"notifications.read_notification"}
"""Of these, doors to what is the owner's alone: staff sees nobody else's."""

COMMON = {
    "shell.docs_file", "shell.problem_page", "jobs.get_job", "jobs.retry",
    "accounts.get_account", "accounts.set_roles", "accounts.disable_account", "accounts.enable_account",
    "accounts.end_sessions", "service_keys.revoke_service_key",
    "counties.get_county", "counties.edit_county", "cooperatives.get_cooperative", "cooperatives.edit_cooperative",
    "products.get_product", "products.edit_product", "packs.get_pack", "packs.edit_pack",
    "bank_statements.get_statement", "bank_statements.list_faults", "bank_statements.rematch",
    "bank_entries.get_entry", "bank_entries.match", "bank_entries.close", "bank_entries.reopen",
    "refunds.get_refund", "refunds.book_payment",
    "payouts.approve", "payouts.cancel", "payouts.send", "payouts.take_back", "payouts.mark_paid",
    "payouts.mark_returned", "payouts.list_calls", "payout_batches.get_batch", "payout_batches.download_file",
    "payments.book_receipt", "payments.fail", "cold_stores.get_cold_store", "pools.get_pool",
    "lots.release_from_quarantine", "lots.recall", "lot_reach.show", "lot_reach.tell",
    "wave_shifts.plan", "wave_shifts.get_wave_sheet", "wave_shifts.download_wave_sheet", "county_work.sum_up_county",
    "pick_lists.list_picks", "pick_lists.download_picks", "carrier_files.take_file", "cases.settle",
    "reconciliations.get_reconciliation", "reconciliations.list_findings", "reconciliations.repair",
    "short_picks.report", "short_picks.list_picks",
    "cold_stores.get_space", "cold_stores.create_room", "cold_stores.set_capacity",
    "cold_stores.list_prices", "cold_stores.set_price",
    "quality.close_recall", "quality.release", "quality.cull",
    "label_areas.get_area", "label_areas.rename_area", "label_areas.list_seasons", "label_areas.get_season",
    "label_areas.set_boundary",
    "label_areas.set_season", "label_areas.list_designs", "label_areas.add_design", "label_designs.download",
    "label_plots.end_plot", "label_credits.end_provisional", "label_credits.propose_adjustment",
    "label_changes.approve", "label_changes.reject", "label_batches.issue", "labels.list_scans", "lot_labels.admit",
    "bulk_orders.approve", "bulk_orders.leave",
    "campaigns.get_campaign", "campaigns.get_progress", "campaigns.stream_progress",
    "campaign_pages.show_one", "campaign_pages.asset",
    "trace_pages.resolve_product", "trace_pages.resolve_lot", "trace_pages.resolve_box",
    "trace_pages.resolve_box_of_lot", "trace_pages.resolve_parcel", "trace_pages.resolve_place",
    "trace_pages.resolve_room", "trace_pages.resolve_party", "trace_pages.show_box", "trace_pages.show_certificate",
    "trace_pages.show_proof",
    "trace_pages.show_lot", "trace_pages.show_product", "trace_pages.show_place", "trace_pages.show_party",
    "trace_pages.show_parcel", "trace_pages.show_pallet",
    "campaign_pledges.show", "campaign_pledges.put_up", "campaign_pledges.invite", "campaign_pledges.offer",
    "campaigns.schedule", "campaigns.pause", "campaigns.resume",
    "campaigns.close", "campaigns.cancel", "campaigns.list_transitions", "campaigns.hold",
    "campaigns.evaluate", "campaigns.get_ending", "campaigns.clone", "campaigns.compare",
    "campaigns.hold_basket", "campaigns.join_waitlist", "accounts.change_household",
    "campaigns.get_price", "campaigns.list_promotions",
    "campaign_promotions.draft", "promotions.get_promotion", "promotions.activate", "promotions.pause",
    "promotions.resume", "promotions.end", "promotions.raise_budget", "promotions.draw_codes",
    "promotions.share_code", "promotion_groups.open_group", "promotion_groups.list_groups",
    "groups.get_group", "groups.join", "groups.leave",
    "campaign_shortages.start", "shortages.get_shortage", "shortages.list_cuts", "shortages.set_cause",
    "shortages.close", "shortages.set_later_lot", "shortages.list_waits", "shortages.serve",
    "campaigns.subscribe", "campaigns.unsubscribe",
    "campaign_allocations.get_allocation",
    "campaign_prices.list_prices", "campaign_prices.set_price", "export_destinations.describe",
    "export_orders.approve", "export_orders.make_ready",
    "sponsorships.accept", "sponsorships.reject", "sponsorships.allocate", "sponsorships.end", "sponsorships.close",
    "sponsored_shares.take_in", "sponsored_shares.deliver", "sponsor_pools.reserve",
    "campaign_policies.get_policy", "campaign_policies.replace_policy", "campaign_policies.sign_policy",
    "campaign_policies.try_policies", "ledger.get_transfer", "waves.release", "waves.overview",
    "campaign_settlements.draft", "campaign_settlements.propose_all", "settlements.propose", "settlements.withdraw",
    "sponsor_payables.draft_payout", "storage_bills.get_bill", "storage_bills.part", "storage_bills.withdraw",
    "settlements.revise", "settlements.dismiss", "settlements.draft_payout", "settlements.take_late_refund",
    "claims.decide",
    "campaign_advances.list_offers", "campaign_advances.ask", "campaign_advances.get_terms",
    "campaign_advances.set_terms", "advances.grant", "advances.refuse",
    "epcis.list_resources", "epcis.discover", "epcis.capture", "epcis.list_captures", "epcis.get_capture",
    "epcis.capture_event", "epcis.find_events", "epcis.get_event", "epcis.list_names", "epcis.list_of_name",
    "epcis.find_events_of", "epcis.list_queries", "epcis.keep_query", "epcis.get_query", "epcis.remove_query",
    "epcis.find_events_by_name",
    "epcis_subscriptions.discover", "epcis_subscriptions.subscribe", "epcis_subscriptions.list_subscriptions",
    "epcis_subscriptions.get_subscription", "epcis_subscriptions.unsubscribe", "epcis_subscriptions.resume",
}  # fmt: skip
"""Doors to one thing that is everybody's, or staff's alone."""

OWNERS = {
    "payment": Role.SHOPPER,
    "notification": Role.SHOPPER,
    "order": Role.SHOPPER,
    "address": Role.SHOPPER,
    "hold": Role.SHOPPER,
    "place": Role.SHOPPER,
    "lot": Role.COOPERATIVE,
    "capacity": Role.COOPERATIVE,
    "case": Role.COOPERATIVE,
    "label_plot": Role.COOPERATIVE,
    "label_credit": Role.COOPERATIVE,
    "label_change": Role.COOPERATIVE,
    "label_batch": Role.COOPERATIVE,
    "label": Role.COOPERATIVE,
    "transfer": Role.COOPERATIVE,
    "bulk_order": Role.BUYER,
    "export_order": Role.BUYER,
    "export_document": Role.BUYER,
    "share": Role.COOPERATIVE,
    "run": Role.BUYER,
    "endpoint": Role.COOPERATIVE,
    "delivery": Role.COOPERATIVE,
    "offer": Role.COOPERATIVE,
    "parcel": Role.COOPERATIVE,
    "claim": Role.SHOPPER,
    "claim_to_answer": Role.COOPERATIVE,
    "claim_photo": Role.SHOPPER,
    "cooperative": Role.COOPERATIVE,
    "pallet": Role.COOPERATIVE,
    "hand_over": Role.COOPERATIVE,
    "settlement": Role.COOPERATIVE,
    "commitment": Role.COOPERATIVE,
    "allotment_run": Role.COOPERATIVE,
    "pledge": Role.COOPERATIVE,
    "sponsorship": Role.BUYER,
    "draw": Role.SHOPPER,
    "saved_card": Role.SHOPPER,
    "ledger_account": Role.COOPERATIVE,
    "advance": Role.COOPERATIVE,
    "consent": Role.COOPERATIVE,
    "payout_destination": Role.COOPERATIVE,
    "payout": Role.COOPERATIVE,
    "worker": Role.COOPERATIVE,
    "shift": Role.COOPERATIVE,
}

BODIES: dict[str, dict[str, Any]] = {
    "online_payments.pay": {},
    "balance_consents.switch_consent": {"is_given": False},
    "parcels.label": {"serials": ["ABCDEFGHJKLM"]},
    "parcels.ship": {"carrier": "SF"},
    "parcels.void_shipment": {"reason": "wrong parcel"},
    "order_claims.claim": {
        "parcel_id": "01900000-0000-7000-8000-0000000000ee",
        "kind": "damage",
        "boxes": 1,
        "words": "bruised",
    },
    "claims.answer": {"answer": "agree"},
    "claims.receive": {"code": "BACK"},
    "cooperative_workers.add_worker": {"name": "Li", "village": "South"},
    "workers.edit_worker": {"village": "North"},
    "shifts.assign": {"worker_ids": ["01900000-0000-7000-8000-0000000000ee"]},
    "shifts.take_off": {"worker_ids": ["01900000-0000-7000-8000-0000000000ee"]},
    "shifts.attend": {"items": [{"worker_id": "01900000-0000-7000-8000-0000000000ee"}]},
    "shifts.scan": {
        "rows": [
            {
                "id": "01900000-0000-7000-8000-0000000000ea",
                "worker_id": "01900000-0000-7000-8000-0000000000ee",
                "parcel_id": "01900000-0000-7000-8000-0000000000ef",
                "scanned_at": "2026-11-27T00:00:00Z",
            }
        ]
    },
    "shifts.sign": {"total_minor": 0},
    "shifts.mark_paid": {"how": "cash", "paid_on": "2026-11-27"},
    "cooperative_pallets.open_pallet": {"cold_store_id": "01900000-0000-7000-8000-0000000000ef"},
    "pallets.put_on": {"parcel_ids": ["01900000-0000-7000-8000-0000000000ee"]},
    "pallets.take_off": {"parcel_ids": ["01900000-0000-7000-8000-0000000000ee"]},
    "pallets.arrive": {"gln": "9521234001003"},
    "label_sheets.take_sheet": {},
    "settlements.object_to": {"digest": f"sha256:{'0' * 64}", "reason": "too few"},
    "settlements.accept": {"digest": f"sha256:{'0' * 64}"},
    "settlements.part_payout": {"growers": [{"id": "a", "name": "a", "brought": []}]},
    "settlements.download_pay_sheet": {"growers": [{"id": "a", "name": "a", "brought": []}]},
    "evidence_consents.sign": {"digest": "sha256:0"},
    "pledges.accept": {"boxes": 1},
    "pledges.decline": {"reason": "frost"},
    "pledges.add": {"boxes": 1},
    "pledges.withdraw": {"reason": "frost"},
    "hold_quotes.ask": {},
    "webhook_endpoints.edit_endpoint": {
        "url": "https://hooks.example.com/",
        "events": ["case.opened"],
        "description": "x",
    },
    "webhook_endpoints.rotate": {},
    "webhook_endpoints.replay_since": {"since": "2026-01-01T00:00:00Z"},
    "addresses.edit_address": book.AT_HOME,
    "orders.choose_address": {"address_id": "01900000-0000-7000-8000-0000000000ed"},
    "notifications.read_notification": {"and_older": False},
    "bulk_orders.cancel": {"reason": "changed our mind"},
    "export_orders.cancel": {"reason": "changed our mind"},
    "elections.elect": {"choice": "refund"},
    "shortage_offers.accept": {},
    "shares.confirm": {},
    "commitments.confirm": {},
    "commitments.decline": {"reason": "no packers"},
    "shares.decline": {"reason": "no packers"},
    "shares.divide": {"members": []},
    "shares.reduce": {"boxes": 1, "reason": "frost"},
    "lots.lose": {"quantity": 1_000, "reason": "spoilt"},
    "lots.correct": {"delta_grams": 1_000, "reason": "weighed again"},
    "lots.quarantine": {"reason": "a strange smell"},
    "cases.add_note": {"words": "seen"},
    "label_credits.propose_transfer": {
        "from_lot_id": "01900000-0000-7000-8000-0000000000ee",
        "to_lot_id": "01900000-0000-7000-8000-0000000000ef",
        "quantity": 1,
        "reason": "sold to them",
    },
    "lot_labels.bind": {"serials": ["K7Q2M9XW4TPA"]},
    "capacities.revise": {"low": 1, "likely": 1, "high": 1, "reason": "hail"},
    "capacities.weigh": {
        "id": "01900000-0000-7000-8000-0000000000ee",
        "cold_store_id": "01900000-0000-7000-8000-0000000000ef",
        "code": "W1",
        "gross": 1,
        "tare": 1,
        "harvested_on": "2026-10-05",
        "best_before_on": "2027-03-01",
    },
    "lot_families.split": {"parts": [{"code": "PART", "quantity": 1_000}]},
    "lot_families.grade": {"parts": [{"code": "SORTED", "quantity": 1_000, "grade": "B"}]},
    "lot_families.take_back": {"code": "BACK", "quantity": 1_000, "reason": "too many"},
    "quality.keep_back": {"quantity": 1_000, "reason": "soft"},
    "stock_takes.take": {"counted": 1_000_000, "reason": "the yearly count"},
    "transfers.arrive": {"quantity": 1_000},
    "transfers.dispute": {"reason": "a bin is missing"},
    "sponsorships.cancel": {"reason": "another year"},
    "sponsorships.pay": {"amount_minor": 1},
    "sponsor_pools.give": {"boxes": 1},
    "draws.redeem": {"address_id": "01900000-0000-7000-8000-0000000000ed"},
    "quality_readings.write_down": {"measured_on": "2026-09-01", "brix_tenths": 138},
}

NAMED_IN_THE_BODY = {
    "orders.choose_address": "address_not_found",
    "draws.redeem": "address_not_found",
    "order_claims.claim": "parcel_not_found",
    "cooperative_pallets.open_pallet": "cold_store_not_found",
}
"""One's own is there; what the body names besides is not."""

ROLES = [
    Role.ANONYMOUS,
    Role.SHOPPER,
    Role.COOPERATIVE,
    Role.BUYER,
    Role.OPERATOR,
    Role.AUDITOR,
    Role.SERVICE,
]


@dataclass(frozen=True, slots=True)
class Side:
    """One of two who are alike: what each owns, and who it is in each role."""

    ids: dict[str, str]
    callers: dict[Role, Caller]


@dataclass(frozen=True, slots=True)
class World:
    one: Side
    other: Side
    sales: tuple[Sale, Sale]
    market: Market
    stranger: Caller
    """A member of a cooperative of another county: in no run of this one."""


def test_every_door_to_one_thing_says_whose_it_is(app: Flask):
    with_ids = {rule.endpoint for rule in app.url_map.iter_rules() if rule.arguments}

    assert with_ids == set(OWNED) | COMMON
    assert not set(OWNED) & COMMON


@pytest.mark.parametrize("role", ROLES)
def test_a_role_enters_exactly_the_doors_of_its_row(app: Flask, as_role, role: Role):
    who = as_somebody(app, as_role, role)
    wrong = []
    for rule, method in sorted(doors(app), key=lambda door: door[0].endpoint == "sessions.log_out"):
        response = who.call(method, address(rule, {}))
        allowed = ACCESS[rule.endpoint].allows(frozenset({role}), frozenset())
        refused = response.status_code == (401 if role == Role.ANONYMOUS else 403)
        if refused == allowed:
            wrong.append((rule.endpoint, response.status_code))

    assert not wrong


def test_a_disabled_account_enters_no_door_at_all(app: Flask, as_role):
    who = as_role(Role.BUYER)
    database.transact(lambda session: accounts.disable(session, context.system(), account_id=who.account_id))

    assert {who.call(method, address(rule, {})).status_code for rule, method in doors(app)} == {401}


def test_a_service_key_enters_the_doors_of_its_scopes_alone(app: Flask):
    scopes = sorted({access.scope for access in ACCESS.values() if access.scope})
    for scope in scopes:
        who = with_key(app, [scope])
        for rule, method in doors(app):
            response = who.call(method, address(rule, {}))
            access = ACCESS[rule.endpoint]
            assert (response.status_code == 403) == (
                access.scope != scope and Role.SERVICE not in access.roles
            )


KINDS = sorted(set(OWNED.values()))
"""One world for all doors to a kind of thing: to build it takes longer than to ask at them."""
HARMLESS_FIRST = ("GET", "PUT", "PATCH", "POST", "DELETE")


def doors_of(app: Flask, kind: str) -> list[tuple[Rule, str]]:
    """The doors to one thing of this kind; those that may end it come last."""
    found = [door for door in doors(app) if OWNED.get(door[0].endpoint) == kind]
    return sorted(found, key=lambda door: (HARMLESS_FIRST.index(door[1]), door[0].endpoint))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_foreign_looks_like_what_is_missing(app: Flask, world: World, kind: str):
    for rule, method in doors_of(app, kind):
        for role in sorted(ACCESS[rule.endpoint].roles - {Role.OPERATOR, Role.AUDITOR}):
            who = world.stranger if (kind, role) == ("run", Role.COOPERATIVE) else world.one.callers[role]
            foreign = ask(who, rule, method, world.other.ids[kind])
            missing = ask(who, rule, method, str(uuid.uuid4()))
            assert foreign.status_code == missing.status_code == 404, (rule.endpoint, role, foreign.json)
            assert alike(foreign) == alike(missing), rule.endpoint


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_ones_own_is_there(app: Flask, world: World, kind: str):
    owner = world.one.callers[OWNERS[kind]]
    for rule, method in doors_of(app, kind):
        answer = ask(owner, rule, method, world.one.ids[kind])
        is_there = answer.status_code not in (401, 403, 404)
        assert is_there or answer.json["code"] == NAMED_IN_THE_BODY.get(rule.endpoint), rule.endpoint


@pytest.mark.parametrize("endpoint", sorted(PRIVATE))
def test_what_is_private_is_missing_to_staff_too(app: Flask, world: World, endpoint: str):
    [(rule, method)] = [door for door in doors(app) if door[0].endpoint == endpoint]

    assert (
        ask(world.one.callers[Role.OPERATOR], rule, method, world.one.ids[OWNED[endpoint]]).status_code == 404
    )


@pytest.mark.parametrize("kind", KINDS)
def test_staff_sees_both_and_an_auditor_changes_neither(app: Flask, world: World, kind: str):
    for rule, method in doors_of(app, kind):
        if rule.endpoint in PRIVATE:
            continue
        for role in sorted(ACCESS[rule.endpoint].roles & {Role.OPERATOR, Role.AUDITOR}):
            for side in (world.one, world.other):
                answer = ask(world.one.callers[role], rule, method, side.ids[kind])
                is_there = answer.status_code not in (401, 403, 404)
                named = NAMED_IN_THE_BODY.get(rule.endpoint)
                assert is_there or answer.json["code"] == named, (rule.endpoint, role, answer.json)


def test_a_parent_of_ones_own_opens_no_foreign_child(world: World):
    """A pledge for a foreign cooperative, a lot into it, an order of a foreign hold, an item of another campaign."""
    member, shopper = world.one.callers[Role.COOPERATIVE], world.one.callers[Role.SHOPPER]
    mine, theirs = world.sales
    foreign_cooperative = str(world.market.cooperative_ids[1])

    answers = [
        member.post(
            f"{mine.url}/pledges",
            json={"item_id": str(mine.item_id), "cooperative_id": foreign_cooperative, "boxes": 1},
        ),
        shopper.post(mine.holds_url, json={"item_id": str(theirs.item_id), "boxes": 1}),
        shopper.post("/v1/orders", json={"hold_id": world.other.ids["free_hold"]}),
        member.post(
            "/v1/lots",
            json={
                "cooperative_id": foreign_cooperative,
                "cold_store_id": str(world.market.cold_store_id),
                "code": "L-1",
                "variety": "Fuji",
                "grade": "A",
                "harvested_on": world.market.today.isoformat(),
                "best_before_on": world.market.later(days=30).today.isoformat(),
                "quantity": 1_000,
            },
        ),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4, [answer.json for answer in answers]


def test_lists_show_only_what_is_ones_own(world: World):
    for path, role, kind in (
        ("/v1/orders", Role.SHOPPER, "order"),
        ("/v1/orders", Role.BUYER, "bulk_order"),
        ("/v1/export-orders", Role.BUYER, "export_order"),
        ("/v1/lots", Role.COOPERATIVE, "lot"),
        ("/v1/capacities", Role.COOPERATIVE, "capacity"),
        ("/v1/cases", Role.COOPERATIVE, "case"),
        ("/v1/label-plots", Role.COOPERATIVE, "label_plot"),
        ("/v1/label-credits", Role.COOPERATIVE, "label_credit"),
        ("/v1/label-changes", Role.COOPERATIVE, "label_change"),
        ("/v1/label-batches", Role.COOPERATIVE, "label_batch"),
        ("/v1/webhook-endpoints", Role.COOPERATIVE, "endpoint"),
        ("/v1/shortage-offers", Role.COOPERATIVE, "offer"),
        ("/v1/commitments", Role.COOPERATIVE, "commitment"),
        ("/v1/parcels", Role.COOPERATIVE, "parcel"),
        ("/v1/claims", Role.SHOPPER, "claim"),
        ("/v1/claims", Role.COOPERATIVE, "claim"),
        ("/v1/shifts", Role.COOPERATIVE, "shift"),
        ("/v1/pallets", Role.COOPERATIVE, "pallet"),
        ("/v1/hand-overs", Role.COOPERATIVE, "hand_over"),
        ("/v1/settlements", Role.COOPERATIVE, "settlement"),
        ("/v1/pledges", Role.COOPERATIVE, "pledge"),
        ("/v1/sponsorships", Role.BUYER, "sponsorship"),
        ("/v1/draws", Role.SHOPPER, "draw"),
        ("/v1/draws", Role.BUYER, "draw"),
        ("/v1/ledger/accounts", Role.COOPERATIVE, "ledger_account"),
        ("/v1/advances", Role.COOPERATIVE, "advance"),
        ("/v1/evidence-consents", Role.COOPERATIVE, "consent"),
        ("/v1/payout-destinations", Role.COOPERATIVE, "payout_destination"),
        ("/v1/payouts", Role.COOPERATIVE, "payout"),
    ):
        shown = {
            item["id"]
            for item in world.one.callers[role].get(path, query_string={"limit": 100}).json["items"]
        }
        assert world.one.ids[kind] in shown
        assert world.other.ids[kind] not in shown
        everything = world.one.callers[Role.AUDITOR].get(path, query_string={"limit": 100}).json["items"]
        assert {world.one.ids[kind], world.other.ids[kind]} <= {item["id"] for item in everything}


@pytest.fixture
def world(app: Flask, as_role: Callable[..., Caller], request: pytest.FixtureRequest) -> World:
    market = builders.build(app)
    sales = (market.on_sale(20), market.on_sale(20))
    one = side(market, as_role, sales[0], cooperative=0)
    other = side(market, as_role, sales[0], cooperative=1)
    one.ids["offer"], other.ids["offer"] = asked(market, as_role)
    about = getattr(request.node, "callspec", None)
    kind = about and (about.params.get("kind") or OWNED.get(about.params.get("endpoint")))
    if kind in (
        None,
        "parcel",
        "pallet",
        "hand_over",
        "claim",
        "claim_to_answer",
        "claim_photo",
        "shift",
    ):  # a whole sale: for its own tests alone
        for each, (parcel, others) in zip((one, other), sent(market, as_role), strict=True):
            each.ids.update(others, parcel=parcel["id"])
            each.ids.update(claimed(each), shift=shift_of(each, parcel))
    if kind in (None, "settlement"):
        one.ids["settlement"], other.ids["settlement"] = settled(market, as_role)
    return World(
        one=one,
        other=other,
        sales=sales,
        market=market,
        stranger=as_role(Role.COOPERATIVE, cooperative_ids=(elsewhere(market),)),
    )


def sent(market: Market, as_role: Callable[..., Caller]) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """A parcel of each of the first two cooperatives, and the ids of a pallet and a hand-over of it."""
    pears = replace(market, pack_id=market.pack("Jonagold").id)
    made = wave_stage.closed(pears, as_role(Role.OPERATOR), variety="Jonagold")
    made.released()
    found = []
    for place, cooperative_id in enumerate(market.cooperative_ids[:2]):
        parcel = made.parcels(cooperative_id=str(cooperative_id))[0]
        assert made.step(parcel, "packing").status_code == 200
        others = {
            "hand_over": loading.given(made, cooperative=place, parcel_ids=[parcel["id"]])["id"],
            "pallet": loading.pallet(made, cooperative=place)["id"],
        }
        found.append((parcel, others))
    return found


def shift_of(one: Side, parcel: dict[str, Any]) -> str:
    """A shift that packs a parcel's wave."""
    terms = {
        "kind": "packing",
        "cooperative_id": one.ids["cooperative"],
        "on": "2026-11-27",
        "begins_at": "2026-11-27T00:00:00Z",
        "ends_at": "2026-11-27T08:00:00Z",
        "piece_rate_minor": 50,
        "hourly_floor_minor": 1_800,
        "places": 2,
    }
    made = one.callers[Role.COOPERATIVE].post(f"/v1/waves/{parcel['wave_id']}/shifts", json=terms)
    assert made.status_code == 201, made.json
    return str(made.json["id"])


def claimed(side: Side) -> dict[str, str]:
    """The shopper claims a box of the cooperative's parcel, with a photo of it."""

    def work(session: Session) -> dict[str, str]:
        parcel = session.get_one(Parcel, uuid.UUID(side.ids["parcel"]))
        claim = Claim(
            id=new_id(),
            order_id=parcel.order_id,
            parcel_id=parcel.id,
            buyer_id=side.callers[Role.SHOPPER].account_id,
            cooperative_id=parcel.cooperative_id,
            kind=ClaimKind.DAMAGE,
            boxes=1,
            words="bruised",
            is_automatic=False,
            state=ClaimState.OPEN,
            currency="CNY",
            created_at=context.now_utc(),
            version=1,
        )
        photo = ClaimPhoto(
            id=new_id(),
            claim_id=claim.id,
            number=1,
            media_type=PhotoType.PNG,
            size_bytes=1,
            sha256=hashlib.sha256(b"x").hexdigest(),
            data=b"x",
            uploaded_at=context.now_utc(),
        )
        session.add(claim)
        session.flush()
        session.add(photo)
        return {"claim": str(claim.id), "claim_to_answer": str(claim.id), "claim_photo": str(photo.id)}

    return database.transact(work)


def settled(market: Market, as_role: Callable[..., Caller]) -> list[str]:
    """A proposed settlement of each of the first two cooperatives."""
    made = settling_scene.presold(market, as_role(Role.OPERATOR)).proposed()
    return [made.of(each)["id"] for each in (0, 1)]


def side(market: Market, as_role: Callable[..., Caller], sale: Sale, *, cooperative: int) -> Side:
    shopper, buyer = as_role(Role.SHOPPER), as_role(Role.BUYER)
    order = builders.ordered(shopper, sale)
    free_hold = builders.held(shopper, sale)["hold_id"]
    assert shopper.post(f"/v1/holds/{free_hold}/quote", json={}).status_code == 201
    home = book.added(shopper)
    chosen = shopper.put(f"/v1/orders/{order['id']}/address", json={"address_id": home["id"]})
    assert chosen.status_code == 200
    lot = market.lot(20, cooperative=cooperative, variety=f"Kind {cooperative}")
    market.lot(40, cooperative=2)
    bulk_order, run = market.bulk(buyer, 4)
    share = next(each for each in run.shares if each.cooperative_id == market.cooperative_ids[cooperative])
    pledged = tuple(20 if each in (cooperative, 2) else 0 for each in range(3))
    life = allotted.sold(market, as_role(Role.OPERATOR), pledged=pledged).start(season="2027-28")
    commitment = life.latest(f"YJ0{cooperative + 1}")
    ids = {
        "pledge": invited(market, sale, cooperative),
        "commitment": str(commitment.id),
        "allotment_run": str(commitment.run_id),
        "payment": order["payment_id"],
        "notification": builders.told(shopper),
        "order": order["id"],
        "hold": free_hold,
        "free_hold": free_hold,
        "address": home["id"],
        "place": builders.waiting(shopper, as_role(Role.SHOPPER), market.on_sale(1))["id"],
        "lot": str(lot.id),
        "capacity": str(market.capacity(cooperative=cooperative).id),
        "cooperative": str(market.cooperative_ids[cooperative]),
        "case": str(market.case(cooperative=cooperative).id),
        "transfer": str(on_the_road(market, lot.id).id),
        "bulk_order": str(bulk_order.id),
        "run": str(run.id),
        "share": str(share.id),
        "saved_card": card_of(shopper, order, cooperative),
    }
    operator = as_role(Role.OPERATOR)
    export = abroad.placed(buyer, market, abroad.sale_for(market, operator))
    paper = abroad.upload(buyer, export)
    ids |= {"export_order": export["id"], "export_document": paper.json["id"]}
    ids["sponsorship"], ids["draw"] = sponsored(market, buyer, shopper, free_hold)
    endpoint_id, delivery_id = market.endpoint(cooperative=cooperative)
    ids |= {"endpoint": str(endpoint_id), "delivery": str(delivery_id)}
    owed = money.payable(market.cooperative_ids[cooperative])
    money.post(money.bank(), owed, 1)
    ids["ledger_account"] = str(owed.id)
    member = as_role(Role.COOPERATIVE, cooperative_ids=(market.cooperative_ids[cooperative],))
    ids["advance"], ids["consent"] = lent(market, member, cooperative)
    desk = Desk(market=market, drafter=operator, approver=as_role(Role.OPERATOR), member=member)
    desk.fund(cooperative=cooperative)
    ids["payout_destination"] = str(desk.name(cooperative=cooperative).id)
    ids["payout"] = str(desk.draft(cooperative=cooperative).id)
    ids |= labelled(market, operator, cooperative)
    ids["cooperative"] = str(market.cooperative_ids[cooperative])
    worker = member.post(
        f"/v1/cooperatives/{ids['cooperative']}/workers", json={"name": "Li", "village": "South"}
    )
    ids["worker"] = worker.json["id"]
    callers = {
        Role.SHOPPER: shopper,
        Role.BUYER: buyer,
        Role.COOPERATIVE: member,
        Role.OPERATOR: as_role(Role.OPERATOR),
        Role.AUDITOR: as_role(Role.AUDITOR),
    }
    return Side(ids=ids, callers=callers)


def labelled(market: Market, operator: Caller, cooperative: int) -> dict[str, str]:
    """A certified plot, the credit of its apples, a batch of labels, a change that is proposed."""
    grove = groves.build(market)
    plot = grove.plot(cooperative=cooperative)
    grove.lot(f"LABEL-{cooperative}", grade="A", cooperative=cooperative)
    batch = grove.printed(2, cooperative=cooperative)
    account_id = grove.account(cooperative).id
    change = operator.post(
        f"/v1/label-credits/{account_id}/adjustments", json={"grams": -1, "reason": "counted again"}
    )
    return {
        "label_plot": str(plot.id),
        "label_credit": str(account_id),
        "label_batch": str(batch.id),
        "label_change": change.json["id"],
        "label": grove.serials(batch)[0],
    }


def card_of(shopper: Caller, order: dict[str, Any], number: int) -> str:
    """A card that was kept with a payment."""
    card = SavedCard(
        id=new_id(),
        account_id=shopper.account_id,
        payment_id=uuid.UUID(order["payment_id"]),
        customer=f"cus_{number}",
        method=f"pm_{number}",
        brand="visa",
        last4="4242",
        exp_month=8,
        exp_year=2034,
        saved_at=context.now_utc(),
    )
    database.transact(lambda session: session.add(card))
    return str(card.id)


def invited(market: Market, sale: Sale, cooperative: int) -> str:
    def work(session: Session) -> uuid.UUID:
        return pledging.invite(
            session,
            market.ctx,
            campaign_id=sale.campaign_id,
            item_id=sale.item_id,
            cooperative_id=market.cooperative_ids[cooperative],
            boxes=1,
            answer_due_at=market.later(days=1).now,
        ).id

    return str(database.transact(work))


def lent(market: Market, member: Caller, cooperative: int) -> tuple[str, str]:
    """An advance that a cooperative has asked for, and a consent that it has drafted."""
    cooperative_id = market.cooperative_ids[cooperative]
    wanted = {
        "cooperative_id": str(cooperative_id),
        "lender": "a bank",
        "contents": ["stock"],
        "since_on": market.today.isoformat(),
        "ends_at": market.later(days=9).now.isoformat(),
    }
    consent = member.post("/v1/evidence-consents", json=wanted).json
    advance = Advance(
        id=new_id(),
        cooperative_id=cooperative_id,
        purpose_id=uuid.uuid4(),
        currency="CNY",
        tranche=Tranche.INTAKE,
        state=AdvanceState.ASKED,
        asked_minor=1,
        outstanding_minor=0,
        asked_by="account:somebody",
        asked_at=market.ctx.now,
        lines=0,
        version=1,
    )
    database.transact(lambda session: session.add(advance))
    return str(advance.id), consent["id"]


def sponsored(market: Market, buyer: Caller, shopper: Caller, hold_id: str) -> tuple[str, str]:
    """A sponsor's draft, and boxes that a player has drawn on it."""

    def work(session: Session) -> tuple[str, str]:
        sponsorship = committing.draft(
            session,
            market.acting(buyer, roles=frozenset({Role.BUYER})),
            sponsor=committing.Sponsor(kind=SponsorKind.COMPANY, name=Text(en="Fund", zh="基金")),
            wanted=committing.Wanted(
                county_id=market.county_id, pack_id=market.pack_id, quantity_grams=5_000, season="2027-28"
            ),
            terms=committing.Terms(draws_until=market.later(days=9).now),
        )
        draw = SponsorDraw(
            id=new_id(),
            sponsorship_id=sponsorship.id,
            kind=DrawKind.GAME,
            state=DrawState.OPEN,
            boxes=1,
            hold_id=uuid.UUID(hold_id),
            holder_id=shopper.account_id,
            expires_at=market.later(days=1).now,
            created_at=market.ctx.now,
            version=1,
        )
        session.add(draw)
        return str(sponsorship.id), str(draw.id)

    return database.transact(work)


def asked(market: Market, as_role: Callable[..., Caller]) -> list[str]:
    """The third cooperative lacks more boxes than it has: the first two are asked for theirs."""
    for cooperative in (0, 1):
        market.lot(5, cooperative=cooperative)
    short = stage.harvested(market, as_role, as_role(Role.OPERATOR), [95], there=0, cooperative=2)
    offers = {each.cooperative_id: str(each.id) for each in stage.opened(short).offers}
    return [offers[cooperative_id] for cooperative_id in market.cooperative_ids[:2]]


def on_the_road(market: Market, lot_id: uuid.UUID) -> Transfer:
    return database.transact(
        lambda session: transfers.dispatch(
            session,
            market.ctx,
            lot_id=lot_id,
            code=f"T-{lot_id.hex[-8:]}",
            to_cold_store_id=market.cold_store_id,
            quantity_grams=1_000,
        )
    )


def elsewhere(market: Market) -> uuid.UUID:
    def work(session: Session) -> uuid.UUID:
        county = counties.create(
            session, market.ctx, code="LC", name_en="Luochuan", name_zh="洛川", is_demo=True
        )
        made = cooperatives.create(
            session,
            market.ctx,
            county_id=county.id,
            code="LC01",
            name_en="Next door",
            name_zh="邻县合作社",
            township_en="Town",
            township_zh="镇",
            member_households=10,
            members=20,
        )
        return made.id

    return database.transact(work)


def doors(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method


def address(rule: Rule, known: dict[str, str]) -> str:
    filled = {name: known.get(name) or _nothing(rule, name) for name in rule.arguments}
    return rule.rule if not filled else _fill(rule, filled)


def _nothing(rule: Rule, name: str) -> str:
    if choice := re.search(rf"<any\((\w+)[^)]*\):{name}>", rule.rule):
        return choice[1]
    return "999999999" if f"<int:{name}>" in rule.rule else str(uuid.uuid4())


def _fill(rule: Rule, values: dict[str, str]) -> str:
    path = rule.rule
    for name, value in values.items():
        path = re.sub(rf"<(?:[^<>:]+:)?{name}>", value, path)
    return path


def ask(who: Caller, rule: Rule, method: str, thing: str) -> TestResponse:
    known = {name: "YJ03" if name == "code" else thing for name in rule.arguments}
    return who.call(
        method, address(rule, known), json=BODIES.get(rule.endpoint) if method not in SAFE else None
    )


def alike(response: TestResponse) -> dict[str, Any]:
    return {name: value for name, value in response.json.items() if name not in ("instance", "request_id")}


def as_somebody(app: Flask, as_role: Callable[..., Caller], role: Role) -> Caller:
    if role == Role.ANONYMOUS:
        return house.caller(app)
    if role == Role.SERVICE:
        return with_key(app, ["campaigns.read"])
    if role == Role.COOPERATIVE:
        return as_role(role, cooperative_ids=(builders.build(app).cooperative_ids[0],))
    return as_role(role)


def with_key(app: Flask, scopes: list[str]) -> Caller:
    _, key = database.transact(
        lambda session: service_keys.create(
            session, context.system(), name="a program", scopes=map(Scope, scopes)
        )
    )
    return Caller(app, key)
