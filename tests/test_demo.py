"""`flask demo`: both rosters to the end, the same again, and every way in which it refuses."""

import json
import shutil
import stat
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from campaigns.demo import roster
from campaigns.demo.roster import DEFAULT, ROSTERS
from campaigns.models import Campaign
from inventory.models import Lot
from marketplace import database
from marketplace.access import Role
from marketplace.catalogue.models import Cooperative, County
from marketplace.payments.models import Payment
from orders import bulk
from orders.models import AllocationRun, Order
from tests import house
from tests.builders import broken, contents

T = TypeVar("T")
Demo = Callable[..., Result]

USDA = ROSTERS / "usda_apples_2020"
CARTONS = 210_000_000 // 18_144


@pytest.fixture
def folder(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of this test alone."""
    settings = replace(app.config["SETTINGS"], data_dir=str(tmp_path / "data"))
    monkeypatch.setitem(app.config, "SETTINGS", settings)
    return tmp_path / "data"


@pytest.fixture
def demo(app: Flask, folder: Path) -> Demo:
    return lambda *arguments: app.test_cli_runner().invoke(args=["demo", *map(str, arguments)])


def one(kind: type[T]) -> T:
    with database.reading() as session:
        found = session.scalars(select(kind)).unique().one()
        session.expunge_all()
        return found


def count(kind: type) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(kind)) or 0


def refused(result: Result) -> str:
    """One sentence, exit 1, no traceback; the sentence."""
    assert result.exit_code == 1
    [line] = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert isinstance(result.exception, SystemExit)
    return line.removeprefix("Error: ")


@pytest.mark.parametrize(
    ("folder_of", "boxes", "words"), [(DEFAULT, 42_000, "42,000"), (USDA, CARTONS, "11,574")]
)
def test_the_demo_splits_and_sells_and_everything_holds(
    app: Flask, demo: Demo, tmp_path: Path, folder_of: Path, boxes: int, words: str
) -> None:
    drawn = tmp_path / "split.svg"
    result = demo("--roster", folder_of, "--picture", drawn)
    assert result.exit_code == 0, result.output
    run = one(AllocationRun)
    problem, split = bulk.stored(run)
    assert sum(share.boxes for share in run.shares) == sum(each.packs for each in split.sellers) == boxes
    for seller, share in zip(problem.sellers, split.sellers, strict=True):
        assert 0 <= share.packs <= seller.cap_packs
    assert f"{words} boxes" in result.output
    assert split.digest in result.output
    assert one(County).is_demo
    assert one(Payment).state == "succeeded"
    assert broken(app) == []
    said = "".join(ET.fromstring(drawn.read_text(encoding="utf-8")).itertext())
    for note in (
        ("made up", "虚构") if folder_of == DEFAULT else ("USDA's; stock and grade A are assumed", "演示假设")
    ):
        assert note in result.output
        assert note in said


def test_every_grade_a_box_goes_by_the_line_or_by_stock(demo: Demo) -> None:
    """Who is at the line ends within one box of it for each household; who is not gave all it has."""
    demo()
    problem, split = bulk.stored(one(AllocationRun))
    [line] = {segment.line for segment in split.segments}
    limits = {share.limited_by for share in split.sellers}
    assert limits == {"nothing", "stock"}
    for seller, share in zip(problem.sellers, split.sellers, strict=True):
        if share.limited_by == "stock":
            assert share.packs == seller.cap_packs
            assert share.level_after <= line
        else:
            assert abs(share.level_after - line) * seller.weight <= seller.pack_grams


def test_a_second_run_shows_the_first_and_adds_nothing(demo: Demo) -> None:
    first = demo()
    before = contents()
    second = demo()
    assert second.exit_code == 0
    assert contents() == before
    run = one(AllocationRun)
    for result in (first, second):
        assert f"/v1/allocation-runs/{run.id}" in result.output
        assert run.digest in result.output


def test_both_rosters_live_side_by_side(app: Flask, demo: Demo) -> None:
    assert demo().exit_code == 0
    assert demo("--roster", USDA).exit_code == 0
    assert (count(County), count(AllocationRun), count(Campaign), count(Order)) == (2, 2, 2, 4)
    assert broken(app) == []


def test_another_quantity_and_grade_is_another_order(app: Flask, demo: Demo) -> None:
    result = demo("--jin", 20_001, "--grade", "B")
    assert result.exit_code == 0, result.output
    assert "2,000 boxes" in result.output
    assert "500 g of the asked quantity make no whole box" in result.output
    assert broken(app) == []


def test_more_than_there_is_is_refused_in_one_sentence(app: Flask, demo: Demo) -> None:
    sentence = refused(demo("--jin", 5_000_000))
    assert "There is not that much fruit in store. 库存不足。" in sentence
    assert "available_boxes" in sentence
    assert (count(Order), count(AllocationRun), count(Campaign)) == (0, 0, 0)
    with database.reading() as session:
        assert session.scalar(select(func.sum(Lot.held_grams))) == 0
    assert broken(app) == []
    assert demo().exit_code == 0


def test_a_grade_that_nobody_has_is_refused(demo: Demo) -> None:
    assert "库存不足" in refused(demo("--grade", "Z"))
    assert count(Order) == 0


def test_a_wrong_roster_is_refused_in_one_sentence(demo: Demo, tmp_path: Path) -> None:
    wrong = shutil.copytree(DEFAULT, tmp_path / "wrong")
    table = wrong / "cooperatives.csv"
    table.write_text(table.read_text().replace(",171,", ",many,", 1))
    assert refused(demo("--roster", wrong)).endswith(
        "cooperatives.csv, line 2: 'many' is not a whole number from 1 to 1000000."
    )
    assert "has neither cooperatives.csv" in refused(demo("--roster", tmp_path / "nowhere"))
    assert count(County) == 0


@pytest.mark.parametrize("days", [("2021-05-27", "2020-05-27"), ("cold,2020-10-29", "cold,2021-05-28")])
def test_a_roster_that_the_use_cases_refuse_leaves_nothing(
    demo: Demo, tmp_path: Path, days: tuple[str, str]
) -> None:
    wrong = shutil.copytree(DEFAULT, tmp_path / "wrong")
    table = wrong / "lots.csv"
    table.write_text(table.read_text().replace(*days, 1))
    assert "The best-before day lies before the harvest." in refused(demo("--roster", wrong))
    assert (count(County), count(Cooperative), count(Lot)) == (0, 0, 0)


@pytest.mark.parametrize("arguments", [("--jin", "0"), ("--jin", "-5"), ("--jin", "many"), ("--what",)])
def test_wrong_arguments_are_told_and_nothing_is_done(demo: Demo, arguments: tuple[str, ...]) -> None:
    assert demo(*arguments).exit_code == 2
    assert count(County) == 0


def test_less_than_one_box_is_refused(demo: Demo) -> None:
    sentence = refused(demo("--jin", 9))
    assert "The quantity is not a whole number of boxes." in sentence
    assert "rest_grams 4,500" in sentence
    assert count(Order) == 0


def test_all_that_there_is_leaves_no_presale(app: Flask, demo: Demo) -> None:
    read = roster.read(DEFAULT)
    boxes = sum(lot.grams // read.pack_grams for lot in read.lots if lot.grade == "A")
    result = demo("--jin", boxes * 10)
    assert result.exit_code == 0, result.output
    assert "Too little is left for a presale. 余量不足" in result.output
    assert (one(Order).boxes, count(Campaign)) == (boxes, 0)
    assert broken(app) == []
    assert demo("--jin", boxes * 10).exit_code == 0


def test_one_box_is_sold(demo: Demo) -> None:
    assert demo("--jin", 10).exit_code == 0
    assert sum(share.boxes for share in one(AllocationRun).shares) == 1


def test_a_picture_that_cannot_be_written_is_told_in_one_sentence(demo: Demo, tmp_path: Path) -> None:
    sentence = refused(demo("--picture", tmp_path / "missing" / "split.svg"))
    assert sentence.endswith("split.svg cannot be written: No such file or directory.")


def test_production_refuses(app: Flask, demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], environment="production"))
    assert "does not run in production" in refused(demo())
    assert "does not run in production" in refused(demo("--show-logins"))
    assert count(County) == 0


def test_the_logins_are_kept_for_their_owner_only_and_work(app: Flask, demo: Demo, folder: Path) -> None:
    assert "run `flask demo` first" in refused(demo("--show-logins"))
    demo()
    path = folder / "demo_logins.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = json.loads(path.read_text())
    assert kept["operator_password"] in demo("--show-logins").output
    for login, role in (("operator", Role.OPERATOR), ("cooperative", Role.COOPERATIVE)):
        response = app.test_client().post(
            "/v1/sessions", json={"login": login, "password": kept[f"{login}_password"]}
        )
        assert response.status_code == 201, response.json
        me = house.Caller(app, response.json["token"]).get("/v1/accounts/me").json
        assert me["roles"] == [role]


def test_everybody_sees_that_the_county_is_made_up(app: Flask, demo: Demo) -> None:
    demo()
    anyone = house.caller(app)
    assert anyone.get(f"/v1/campaigns/{one(Campaign).id}").json["is_demo"] is True
    assert anyone.get(f"/v1/counties/{one(County).id}").json["is_demo"] is True
