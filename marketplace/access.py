"""The one table that says who may call which operation. Pure.

An operation that is not in the table is refused for everybody, and a test fails. Ownership (whose lot, whose
order) is decided in the use case, where a foreign id looks like a missing one.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    ANONYMOUS = "anonymous"
    SHOPPER = "shopper"
    COOPERATIVE = "cooperative"
    BUYER = "buyer"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    SERVICE = "service"
    SYSTEM = "system"


PEOPLE: Final = frozenset({Role.SHOPPER, Role.COOPERATIVE, Role.BUYER, Role.OPERATOR, Role.AUDITOR})
EVERYONE: Final = PEOPLE | {Role.ANONYMOUS, Role.SERVICE}
STAFF: Final = frozenset({Role.OPERATOR, Role.AUDITOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may call an operation: any of `roles`, or a service key that carries `scope`."""

    roles: frozenset[Role]
    scope: str | None = None

    def allows(self, roles: frozenset[Role], scopes: frozenset[str]) -> bool:
        if Role.SERVICE in roles and Role.SERVICE not in self.roles:
            return self.scope is not None and self.scope in scopes
        return not self.roles.isdisjoint(roles)

    @property
    def is_public(self) -> bool:
        return Role.ANONYMOUS in self.roles


def _may(*roles: Role, scope: str | None = None) -> Access:
    return Access(roles=frozenset(roles), scope=scope)


_EVERYONE: Final = Access(roles=EVERYONE)
_SIGNED_IN: Final = Access(roles=PEOPLE)
_TOLD: Final = Access(roles=PEOPLE - {Role.AUDITOR})
"""Who is told things. An auditor takes part in nothing."""

ACCESS: Final[dict[str, Access]] = {
    # shell
    "shell.healthz": _EVERYONE,
    "shell.readyz": _EVERYONE,
    "shell.metrics_page": _EVERYONE,
    "shell.openapi_document": _EVERYONE,
    "shell.docs": _EVERYONE,
    "shell.docs_file": _EVERYONE,
    "shell.problem_page": _EVERYONE,
    "shell.index": _EVERYONE,
    # jobs
    "jobs.list_jobs": _may(Role.OPERATOR, Role.AUDITOR),
    "jobs.get_job": _may(Role.OPERATOR, Role.AUDITOR),
    "jobs.retry": _may(Role.OPERATOR),
    # identity
    "sessions.log_in": _EVERYONE,
    "sessions.request_code": _EVERYONE,
    "sessions.log_in_by_phone": _EVERYONE,
    "sessions.log_out": _SIGNED_IN,
    "accounts.get_me": _SIGNED_IN,
    "accounts.change_password": _SIGNED_IN,
    "accounts.tell_email": _TOLD,
    "accounts.prove_email": _TOLD,
    "accounts.forget_email": _TOLD,
    "accounts.tell_household": _may(Role.SHOPPER),
    "accounts.change_household": _may(Role.OPERATOR),
    "accounts.list_accounts": Access(roles=STAFF),
    "accounts.create_account": _may(Role.OPERATOR),
    "accounts.get_account": Access(roles=STAFF),
    "accounts.set_roles": _may(Role.OPERATOR),
    "accounts.disable_account": _may(Role.OPERATOR),
    "accounts.enable_account": _may(Role.OPERATOR),
    "accounts.end_sessions": _may(Role.OPERATOR),
    "service_keys.create_service_key": _may(Role.OPERATOR),
    "service_keys.list_service_keys": _may(Role.OPERATOR),
    "service_keys.revoke_service_key": _may(Role.OPERATOR),
    # addresses
    "addresses.list_addresses": _may(Role.SHOPPER),
    "addresses.get_address": _may(Role.SHOPPER),
    "addresses.add_address": _may(Role.SHOPPER),
    "addresses.edit_address": _may(Role.SHOPPER),
    "addresses.delete_address": _may(Role.SHOPPER),
    # catalogue
    "counties.list_counties": _EVERYONE,
    "counties.get_county": _EVERYONE,
    "counties.create_county": _may(Role.OPERATOR),
    "counties.edit_county": _may(Role.OPERATOR),
    "cooperatives.list_cooperatives": _EVERYONE,
    "cooperatives.get_cooperative": _EVERYONE,
    "cooperatives.create_cooperative": _may(Role.OPERATOR),
    "cooperatives.edit_cooperative": _may(Role.OPERATOR),
    "products.list_products": _EVERYONE,
    "products.get_product": _EVERYONE,
    "products.create_product": _may(Role.OPERATOR),
    "products.edit_product": _may(Role.OPERATOR),
    "packs.list_packs": _EVERYONE,
    "packs.get_pack": _EVERYONE,
    "packs.create_pack": _may(Role.OPERATOR),
    "packs.edit_pack": _may(Role.OPERATOR),
    "catalogue_files.download_cooperatives": _EVERYONE,
    "catalogue_files.upload_cooperatives": _may(Role.OPERATOR),
    "catalogue_files.download_products": _EVERYONE,
    "catalogue_files.upload_products": _may(Role.OPERATOR),
    "catalogue_files.download_packs": _EVERYONE,
    "catalogue_files.upload_packs": _may(Role.OPERATOR),
    # payments
    "payments.get_payment": _may(Role.SHOPPER, Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "payments.confirm": _may(Role.SHOPPER, Role.BUYER),
    "payments.book_receipt": _may(Role.OPERATOR),
    "payments.fail": _may(Role.OPERATOR),
    # webhooks
    "webhook_event_types.list_event_types": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "webhook_endpoints.list_endpoints": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "webhook_endpoints.register": _may(Role.COOPERATIVE, Role.OPERATOR),
    "webhook_endpoints.get_endpoint": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "webhook_endpoints.edit_endpoint": _may(Role.COOPERATIVE, Role.OPERATOR),
    "webhook_endpoints.remove": _may(Role.COOPERATIVE, Role.OPERATOR),
    "webhook_endpoints.rotate": _may(Role.COOPERATIVE, Role.OPERATOR),
    "webhook_endpoints.disable": _may(Role.COOPERATIVE, Role.OPERATOR),
    "webhook_endpoints.enable": _may(Role.COOPERATIVE, Role.OPERATOR),
    "webhook_endpoints.try_out": _may(Role.COOPERATIVE, Role.OPERATOR),
    "webhook_endpoints.replay_since": _may(Role.COOPERATIVE, Role.OPERATOR),
    "webhook_endpoints.list_deliveries": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "webhook_deliveries.get_delivery": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "webhook_deliveries.replay": _may(Role.COOPERATIVE, Role.OPERATOR),
    # notifications
    "notifications.list_notifications": _TOLD,
    "notifications.read_notification": _TOLD,
    "notifications.get_preferences": _TOLD,
    "notifications.replace_preferences": _TOLD,
    # inventory
    "cold_stores.list_cold_stores": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "cold_stores.get_cold_store": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "cold_stores.create_cold_store": _may(Role.OPERATOR),
    "cold_stores.get_space": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "cold_stores.create_room": _may(Role.OPERATOR),
    "cold_stores.set_capacity": _may(Role.OPERATOR),
    "cold_stores.list_prices": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "cold_stores.set_price": _may(Role.OPERATOR),
    "keeping_times.list_keeping_times": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "keeping_times.tell": _may(Role.OPERATOR),
    "safety_stocks.list_safety_stocks": _may(
        Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR, scope="lots.read"
    ),
    "safety_stocks.keep": _may(Role.COOPERATIVE, Role.OPERATOR),
    "lot_families.split": _may(Role.COOPERATIVE, Role.OPERATOR),
    "lot_families.grade": _may(Role.COOPERATIVE, Role.OPERATOR),
    "lot_families.merge": _may(Role.COOPERATIVE, Role.OPERATOR),
    "lot_families.take_back": _may(Role.COOPERATIVE, Role.OPERATOR),
    "lot_families.get_relatives": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR, scope="lots.read"),
    "quality_readings.list_readings": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR, scope="lots.read"),
    "quality_readings.write_down": _may(Role.COOPERATIVE, Role.OPERATOR),
    "transfers.list_transfers": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "transfers.get_transfer": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "transfers.dispatch": _may(Role.COOPERATIVE, Role.OPERATOR),
    "transfers.arrive": _may(Role.COOPERATIVE, Role.OPERATOR),
    "transfers.dispute": _may(Role.COOPERATIVE, Role.OPERATOR),
    "transfers.cancel": _may(Role.COOPERATIVE, Role.OPERATOR),
    "stock_takes.list_stock_takes": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR, scope="lots.read"),
    "stock_takes.take": _may(Role.COOPERATIVE, Role.OPERATOR),
    "storage_costs.get_cost": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR, scope="lots.read"),
    "storage_costs.sum_costs": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR, scope="lots.read"),
    "quality.close_recall": _may(Role.OPERATOR),
    "quality.keep_back": _may(Role.COOPERATIVE, Role.OPERATOR),
    "quality.release": _may(Role.OPERATOR),
    "quality.cull": _may(Role.OPERATOR),
    "lots.list_lots": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR, scope="lots.read"),
    "lots.receive": _may(Role.COOPERATIVE, Role.OPERATOR),
    "lots.receive_file": _may(Role.COOPERATIVE, Role.OPERATOR),
    "lot_batches.receive_rows": _may(Role.COOPERATIVE, Role.OPERATOR),
    "lots.get_lot": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR, scope="lots.read"),
    "lots.list_movements": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR, scope="lots.read"),
    "lots.lose": _may(Role.COOPERATIVE, Role.OPERATOR),
    "lots.correct": _may(Role.COOPERATIVE, Role.OPERATOR),
    "lots.quarantine": _may(Role.COOPERATIVE, Role.OPERATOR),
    "lots.release_from_quarantine": _may(Role.OPERATOR),
    "lots.recall": _may(Role.OPERATOR),
    "stock_explanations.explain_stock": _may(
        Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR, scope="lots.read"
    ),
    "capacities.list_capacities": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "capacities.declare": _may(Role.COOPERATIVE, Role.OPERATOR),
    "capacities.get_capacity": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "capacities.list_revisions": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "capacities.revise": _may(Role.COOPERATIVE, Role.OPERATOR),
    "capacities.list_lines": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "capacities.list_weighings": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "capacities.weigh": _may(Role.COOPERATIVE, Role.OPERATOR),
    "capacities.close": _may(Role.COOPERATIVE, Role.OPERATOR),
    "cases.list_cases": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "cases.get_case": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "cases.list_notes": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "cases.add_note": _may(Role.COOPERATIVE, Role.OPERATOR),
    "cases.settle": _may(Role.OPERATOR),
    "reconciliations.list_reconciliations": Access(roles=STAFF),
    "reconciliations.get_reconciliation": Access(roles=STAFF),
    "reconciliations.list_findings": Access(roles=STAFF),
    "reconciliations.repair": _may(Role.OPERATOR),
    "pools.get_pool": _EVERYONE,
    "holds.get_hold": _may(Role.SHOPPER, Role.OPERATOR, Role.AUDITOR),
    "holds.release": _may(Role.SHOPPER),
    "holds.extend": _may(Role.SHOPPER),
    "waitlist.list_places": _may(Role.SHOPPER, Role.OPERATOR, Role.AUDITOR),
    "waitlist.get_place": _may(Role.SHOPPER, Role.OPERATOR, Role.AUDITOR),
    "waitlist.leave": _may(Role.SHOPPER),
    # orders
    "orders.place": _may(Role.SHOPPER),
    "orders.get_order": _may(Role.SHOPPER, Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "orders.list_orders": _may(Role.SHOPPER, Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "orders.withdraw": _may(Role.SHOPPER),
    "orders.pay_balance": _may(Role.SHOPPER),
    "orders.get_address": _may(Role.SHOPPER, Role.OPERATOR),
    "orders.choose_address": _may(Role.SHOPPER),
    "bulk_orders.place_bulk": _may(Role.BUYER, Role.OPERATOR),
    "bulk_orders.get_bulk": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "bulk_orders.approve": _may(Role.OPERATOR),
    "bulk_orders.leave": _may(Role.OPERATOR),
    "bulk_orders.accept_short": _may(Role.BUYER, Role.OPERATOR),
    "bulk_orders.cancel": _may(Role.BUYER, Role.OPERATOR),
    "bulk_quotes.ask_quote": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "bulk_quotes.compare_rules": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "sponsorships.draft": _may(Role.BUYER, Role.OPERATOR),
    "sponsorships.list_sponsorships": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "sponsorships.get_sponsorship": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "sponsorships.sign": _may(Role.BUYER),
    "sponsorships.accept": _may(Role.OPERATOR),
    "sponsorships.reject": _may(Role.OPERATOR),
    "sponsorships.cancel": _may(Role.BUYER, Role.OPERATOR),
    "sponsorships.pay": _may(Role.BUYER),
    "sponsorships.allocate": _may(Role.OPERATOR),
    "sponsorships.end": _may(Role.OPERATOR),
    "sponsorships.close": _may(Role.OPERATOR),
    "sponsorships.list_moves": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "sponsorships.list_lines": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "sponsorships.get_statement": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "sponsorships.download_statement": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "sponsorships.draw_statement": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "sponsored_shares.take_in": _may(Role.OPERATOR),
    "sponsored_shares.deliver": _may(Role.OPERATOR),
    "sponsor_payables.list_payables": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "sponsor_pools.reserve": _may(Role.OPERATOR, scope="draws.write"),
    "sponsor_pools.give": _may(Role.BUYER, Role.OPERATOR),
    "draws.list_draws": _may(Role.SHOPPER, Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "draws.get_draw": _may(Role.SHOPPER, Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "draws.redeem": _may(Role.SHOPPER),
    "draws.release": _may(Role.SHOPPER, Role.BUYER, Role.OPERATOR),
    "gifts.claim": _may(Role.SHOPPER),
    "season_accounts.show_ledger": _may(Role.COOPERATIVE, Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "season_accounts.open_account": _may(Role.OPERATOR),
    "shares.list_shares": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "shares.confirm": _may(Role.COOPERATIVE, Role.OPERATOR),
    "shares.decline": _may(Role.COOPERATIVE, Role.OPERATOR),
    "shares.reduce": _may(Role.COOPERATIVE, Role.OPERATOR),
    "shares.divide": _may(Role.COOPERATIVE, Role.OPERATOR),
    "allocation_simulations.compare_policies": _may(
        Role.COOPERATIVE, Role.BUYER, Role.OPERATOR, Role.AUDITOR
    ),
    "allocation_simulations.try_ration": _may(Role.OPERATOR, Role.AUDITOR),
    "allocation_simulations.simulate": _may(Role.COOPERATIVE, Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "allocation_runs.get_report": _may(Role.BUYER, Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "allocation_runs.get_run": _may(Role.BUYER, Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "allocation_runs.draw_run": _may(Role.BUYER, Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "allocation_runs.explain_share": _may(Role.BUYER, Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    # campaigns
    "campaigns.list_campaigns": _EVERYONE,
    "campaigns.get_campaign": _EVERYONE,
    "campaigns.get_price": _EVERYONE,
    "campaigns.get_progress": _EVERYONE,
    "campaigns.stream_progress": _EVERYONE,
    "campaigns.draft": _may(Role.OPERATOR),
    "campaign_pledges.show": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "campaign_pledges.put_up": _may(Role.COOPERATIVE, Role.OPERATOR),
    "campaign_pledges.invite": _may(Role.OPERATOR),
    "campaign_pledges.offer": _may(Role.COOPERATIVE, Role.OPERATOR),
    "pledges.list_pledges": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "pledges.get_pledge": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "pledges.list_moves": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "pledges.accept": _may(Role.COOPERATIVE, Role.OPERATOR),
    "pledges.decline": _may(Role.COOPERATIVE, Role.OPERATOR),
    "pledges.add": _may(Role.COOPERATIVE, Role.OPERATOR),
    "pledges.withdraw": _may(Role.COOPERATIVE, Role.OPERATOR),
    "campaigns.schedule": _may(Role.OPERATOR),
    "campaigns.pause": _may(Role.OPERATOR),
    "campaigns.resume": _may(Role.OPERATOR),
    "campaigns.close": _may(Role.OPERATOR),
    "campaigns.cancel": _may(Role.OPERATOR),
    "campaigns.list_transitions": _may(Role.OPERATOR, Role.AUDITOR),
    "campaigns.evaluate": _may(Role.OPERATOR),
    "campaigns.get_ending": _may(Role.OPERATOR, Role.AUDITOR),
    "campaigns.clone": _may(Role.OPERATOR),
    "campaigns.compare": _may(Role.OPERATOR, Role.AUDITOR),
    "campaign_promotions.draft": _may(Role.OPERATOR),
    "campaigns.list_promotions": _EVERYONE,
    "promotions.list_promotions": Access(roles=STAFF),
    "promotions.get_promotion": Access(roles=STAFF),
    "promotions.activate": _may(Role.OPERATOR),
    "promotions.pause": _may(Role.OPERATOR),
    "promotions.resume": _may(Role.OPERATOR),
    "promotions.end": _may(Role.OPERATOR),
    "promotions.raise_budget": _may(Role.OPERATOR),
    "promotions.draw_codes": _may(Role.OPERATOR),
    "promotions.share_code": _may(Role.OPERATOR),
    "hold_quotes.ask": _may(Role.SHOPPER),
    "hold_quotes.get_quote": _may(Role.SHOPPER, Role.OPERATOR, Role.AUDITOR),
    "campaigns.hold": _may(Role.SHOPPER),
    "campaigns.hold_basket": _may(Role.SHOPPER),
    "campaigns.join_waitlist": _may(Role.SHOPPER),
    "my_orders.list_mine": _may(Role.SHOPPER),
    "my_orders.get_mine": _may(Role.SHOPPER),
    "campaign_shortages.start": _may(Role.OPERATOR),
    "shortages.list_shortages": Access(roles=STAFF),
    "shortages.get_shortage": Access(roles=STAFF),
    "shortages.list_cuts": Access(roles=STAFF),
    "shortages.set_cause": _may(Role.OPERATOR),
    "shortages.set_later_lot": _may(Role.OPERATOR),
    "shortages.list_waits": Access(roles=STAFF),
    "shortages.serve": _may(Role.OPERATOR),
    "shortages.close": _may(Role.OPERATOR),
    "shortage_offers.list_offers": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "shortage_offers.accept": _may(Role.COOPERATIVE, Role.OPERATOR),
    "shortage_offers.decline": _may(Role.COOPERATIVE, Role.OPERATOR),
    "shortage_standings.list_standings": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "elections.get_election": _may(Role.SHOPPER, Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "elections.elect": _may(Role.SHOPPER, Role.BUYER),
    "campaigns.subscribe": _may(Role.SHOPPER),
    "campaigns.unsubscribe": _may(Role.SHOPPER),
    "campaign_prices.list_prices": _EVERYONE,
    "campaign_prices.set_price": _may(Role.OPERATOR),
    "export_destinations.list_destinations": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "export_destinations.describe": _may(Role.OPERATOR),
    "export_orders.place": _may(Role.BUYER),
    "export_orders.list_exports": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "export_orders.get_export": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "export_orders.approve": _may(Role.OPERATOR),
    "export_orders.cancel": _may(Role.BUYER, Role.OPERATOR),
    "export_orders.make_ready": _may(Role.OPERATOR),
    "export_orders.list_documents": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "export_orders.add_document": _may(Role.BUYER, Role.OPERATOR),
    "export_documents.download": _may(Role.BUYER, Role.OPERATOR, Role.AUDITOR),
    "campaign_allocations.get_allocation": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "campaign_policies.get_policy": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "campaign_policies.replace_policy": _may(Role.OPERATOR),
    "campaign_policies.sign_policy": _may(Role.OPERATOR),
    "campaign_policies.try_policies": _may(Role.OPERATOR, Role.AUDITOR),
    "commitments.list_commitments": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "commitments.get_commitment": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "commitments.confirm": _may(Role.COOPERATIVE, Role.OPERATOR),
    "commitments.decline": _may(Role.COOPERATIVE, Role.OPERATOR),
    "commitments.list_supplies": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "allotment_runs.get_run": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
    "allotment_runs.explain": _may(Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR),
}
"""Endpoint name (blueprint.function) → who may call it."""
