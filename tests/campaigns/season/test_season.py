"""A whole season: every promise holds after each step, and the same seed gives the same result to the byte."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from campaigns.demo.season import command, paying, plan, play, show, world
from campaigns.demo.season.play import Season, Step
from marketplace.embedded.databases import DatabaseUrls
from marketplace.settings import Settings
from tests import house, servers
from tests.stripe_stand_in import StandIn
from tests.stripe_stand_in.server import SECRET_KEY

SHOPPERS = 200
FEW = 60

Played = tuple[list[Step], dict[str, Any], str]


@contextmanager
def fresh() -> Iterator[DatabaseUrls]:
    """A database with all tables that no other test sees."""
    name = servers.fresh_database(servers.template_database(house.migrate))
    try:
        yield servers.urls_of(name)
    finally:
        servers.drop_database(servers.current().admin_url, name)


def played(app: Flask, *, seed: int, shoppers: int, stand_in: StandIn | None = None) -> Played:
    settings: Settings = app.config["SETTINGS"]
    purse: paying.Purse = paying.Transfers()
    if stand_in is not None:
        settings = replace(settings, stripe_secret_key=SECRET_KEY, stripe_api_base=stand_in.url)
        purse = paying.Cards()
    with (
        fresh() as urls,
        world.opened(urls, settings, app.extensions["modules"], seed=seed) as here,
    ):
        season = Season(
            world=here,
            plan=plan.plan(seed, shoppers=shoppers),
            told=lambda _doing, _done, _of: None,
            purse=purse,
        )
        steps = list(season.play())
        result = season.result()
    return steps, result, command.written(result)


@pytest.mark.timeout(900)  # two whole seasons
def test_a_season_keeps_every_promise_and_is_the_same_again(built_app: Flask) -> None:
    steps, result, told = played(built_app, seed=7, shoppers=SHOPPERS)
    assert [each.name for each in steps] == list(show.STEPS)
    assert [each.broken for each in steps] == [()] * len(steps)
    by_name = {each.name: each for each in steps}
    _the_sale(by_name)
    _the_shortage(by_name, result)
    _the_money(by_name["balance_closed"])
    _the_refunds(by_name, result)
    _the_boxes(by_name)
    _the_payouts(by_name, result)
    _the_result(by_name[steps[-1].name], result)
    assert json.loads(told)["season"]["seed"] == 7
    assert played(built_app, seed=7, shoppers=SHOPPERS)[2] == told
    assert "0193" not in json.dumps([row[:5] for row in result["orders"]]), "no id is told"


def _the_sale(steps: dict[str, Step]) -> None:
    sold = steps["sold"].look
    assert sold.boxes["sold"] >= steps["planned"].notes["goal_boxes"], "the goal is met"
    assert sold.boxes["held"] == 0
    assert sum(sold.orders.values()) == SHOPPERS
    assert sold.orders["expired"] == steps["sold"].notes["never_paid"]
    assert sold.orders["withdrawn"] == steps["sold"].notes["withdrew"]
    assert steps["allocated"].notes["declined"] == plan.DECLINING
    allocated = steps["allocated"].look
    assert allocated.boxes["pledged"] == allocated.boxes["sold"], "what nobody bought is free again"


def _the_shortage(steps: dict[str, Step], result: dict[str, Any]) -> None:
    assert steps["hail"].notes["cooperatives"] == plan.HAILED
    short = result["shortage"]
    assert short["state"] == "settled"
    assert len([row for row in short["standings"] if row[1] != row[2]]) == plan.HAILED
    missing = short["committed_boxes"] - short["supply_boxes"]
    assert missing == steps["short"].notes["missing_boxes"] == steps["hail"].notes["boxes"] > 0
    assert 0 < short["covered_boxes"] == steps["short"].notes["neighbours_gave_boxes"] < missing
    cuts = short["cuts"]
    assert cuts["boxes"] + cuts["cut_boxes"] + cuts["given_up_boxes"] == short["committed_boxes"]
    assert cuts["cut_boxes"] > 0, "more is missing than neighbours gave and buyers gave up"
    assert steps["settled"].look.boxes["sold"] == cuts["boxes"]


def _the_money(last: Step) -> None:
    due = last.look.orders["balance_paid"] + last.look.orders["balance_defaulted"]
    assert (
        last.look.orders["balance_defaulted"] == last.notes["defaulted"] == due * plan.DEFAULT_PERCENT // 100
    )
    assert last.look.state == "balance_closed"


def _the_refunds(steps: dict[str, Step], result: dict[str, Any]) -> None:
    """All that is owed is paid once, and from then on nothing stands in what is to be paid back."""
    before, after = steps["balance_closed"].look, steps["paid_back"].look
    compensation = result["shortage"]["cuts"]["compensation_minor"]
    owed = before.money_minor["to_pay_back"] + compensation
    assert before.money_minor["to_pay_back"] > 0
    assert before.money_minor["paid_back"] == 0
    assert before.books_minor["refund_payable"] == owed
    assert steps["paid_back"].notes["refunds_paid"] > 0
    assert after.money_minor["paid_back"] == owed
    assert "refund_payable" not in after.books_minor
    assert after.books_minor["psp_clearing"] == after.money_minor["received"] - owed


def _the_boxes(steps: dict[str, Step]) -> None:
    """Every paid box is sent, arrives, and its order is closed."""
    paid = steps["balance_closed"].look.orders["balance_paid"]
    sent = steps["sent"]
    assert sent.notes["sent_orders"] == sent.look.orders["shipped"] == paid
    assert sent.notes["left_orders"] == 0
    assert sent.notes["labelled_boxes"] == sent.notes["sent_boxes"], "each box bears a label"
    assert steps["delivered"].notes["traced_boxes"] == sent.notes["sent_boxes"], "and leads to its plots"
    assert steps["delivered"].look.state == "completed"
    assert steps["delivered"].look.orders["delivered"] == paid
    assert steps["delivered"].notes["parcels"] >= paid
    assert steps["claims_over"].look.orders["closed"] == paid


def _the_payouts(steps: dict[str, Step], result: dict[str, Any]) -> None:
    """Whoever earned has it, less what was advanced; nothing that buyers paid is left but what is kept back."""
    last = steps["paid_out"]
    assert last.look.state == "settled"
    assert steps["advanced"].notes["advances"] == plan.ADVANCED
    assert steps["advanced"].look.books_minor["coop_prepaid"] == sum(
        row["advanced_minor"] for row in result["cooperatives"]
    )
    earning = {row["code"] for row in result["cooperatives"] if row["paid_out_minor"]}
    assert 0 < steps["statements"].notes["accepted"] <= steps["statements"].notes["statements"]
    assert len(earning) == last.notes["payouts"]
    books = last.look.books_minor
    for code in ("deposit_liability", "order_liability", "coop_prepaid", "coop_payable", "refund_payable"):
        assert code not in books, f"{code} still has {books.get(code)}"
    paid = sum(row["advanced_minor"] + row["paid_out_minor"] for row in result["cooperatives"])
    assert books["bank"] == -paid
    assert books["commission_income"] > 0
    assert books["coop_retention"] > 0


def _the_result(last: Step, result: dict[str, Any]) -> None:
    assert last.look.money_minor["received"] == sum(row[3] for row in result["orders"])
    assert last.look.money_minor["to_pay_back"] == sum(row[4] for row in result["orders"])
    assert last.look.money_minor["forfeited"] == sum(row["forfeits_minor"] for row in result["cooperatives"])


def test_money_goes_the_same_way_by_card_as_by_transfer(built_app: Flask) -> None:
    """The stand-in for Stripe has what the books say that came, less what went back; all else is the same season.

    But for who is cut and who supplies whom: ties are broken by the hashes of ids, of which a gateway needs some more.
    """
    with StandIn() as stand_in:
        by_card = played(built_app, seed=5, shoppers=FEW, stand_in=stand_in)
        kept = stand_in.charged()
    by_transfer = played(built_app, seed=5, shoppers=FEW)
    assert [each.broken for each in by_card[0]] == [()] * len(show.STEPS)
    for card, transfer in zip(by_card[0], by_transfer[0], strict=True):
        assert (card.look.state, card.look.orders) == (transfer.look.state, transfer.look.orders)
        assert card.look.boxes == transfer.look.boxes
        assert card.look.money_minor["received"] == transfer.look.money_minor["received"]
        assert card.look.money_minor["to_pay_back"] == transfer.look.money_minor["to_pay_back"]
    last = by_card[0][-1].look
    assert by_card[1]["shortage"]["cuts"]["compensation_minor"] > 0, (
        "that is transferred, not refunded to a card"
    )
    assert kept == last.money_minor["received"] - last.money_minor["to_pay_back"]


def test_made_up_shoppers_pay_by_card_only_at_a_stand_in(refused: Callable[..., str]) -> None:
    assert "STRIPE_API_BASE" in refused("--gateway", "stripe")


def test_another_seed_is_another_season(built_app: Flask) -> None:
    first, other = (played(built_app, seed=seed, shoppers=FEW) for seed in (1, 2))
    assert [each.broken for each in (*first[0], *other[0])] == [()] * (len(first[0]) + len(other[0]))
    assert first[2].replace('"seed": 1', '"seed": 2') != other[2]


def test_the_command_shows_each_step_and_writes_the_result(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(world, "own_database", lambda _settings, _name: fresh())
    written = tmp_path / "season.json"
    arguments = ["demo", "season", "--seed", "3", "--shoppers", str(FEW), "--output", str(written)]
    result = app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 0, result.output
    for said in show.STEPS.values():
        assert said.en in result.output
        assert said.zh in result.output
    assert result.output.count("every promise holds 全部不变量成立") == len(show.STEPS)
    told = written.read_text(encoding="utf-8")
    assert command.digest_of(told) in result.output
    assert json.loads(told)["season"]["shoppers"] == FEW


def test_a_broken_promise_ends_the_season(
    app: Flask, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    monkeypatch.setattr(world, "own_database", lambda _settings, _name: fresh())
    look = play.Season._look
    monkeypatch.setattr(
        play.Season,
        "_look",
        lambda self, name, notes: replace(look(self, name, notes), broken=("S1: a row",)),
    )
    assert "1 promises are broken: S1: a row" in refused("--shoppers", str(FEW))


def test_a_season_that_is_being_played_is_not_thrown_away(
    database_urls: DatabaseUrls, refused: Callable[..., str]
) -> None:
    with psycopg.connect(servers.plain(database_urls.owner_url), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('season_1'))")
        assert "being played already" in refused("--shoppers", str(FEW))
    assert "may not create" in refused("--shoppers", str(FEW))


def test_without_the_right_to_make_a_database_it_says_so(app: Flask, refused: Callable[..., str]) -> None:
    said = refused("--shoppers", str(FEW))
    assert "may not create" in said
    assert "无权创建" in said


def test_production_plays_no_season(
    app: Flask, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], environment="production"))
    assert "does not run in production" in refused()


@pytest.fixture
def refused(app: Flask) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        result = app.test_cli_runner().invoke(args=["demo", "season", *arguments])
        assert result.exit_code == 1, result.output
        assert isinstance(result.exception, SystemExit)
        return result.output

    return run


def test_time_in_a_season_only_goes_on(built_app: Flask) -> None:
    with (
        fresh() as urls,
        world.opened(urls, built_app.config["SETTINGS"], built_app.extensions["modules"], seed=1) as here,
    ):
        here.clock.wait(hours=1)
        with pytest.raises(ValueError, match="is over"):
            here.clock.go(world.BEGINS_AT)
