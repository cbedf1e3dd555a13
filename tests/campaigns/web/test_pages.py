"""The public pages: every state, both languages, one statement, kept and asked for again, nothing run or leaked."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from campaigns import planning, showing
from campaigns.states import ENDED, CampaignEvent, CampaignState
from campaigns.web import pages, reading, statements, words
from marketplace import context, database, express
from marketplace.access import Role
from marketplace.pages import STRICT_POLICY
from tests.builders import Market, Sale, held, paid
from tests.campaigns import allotted, presale
from tests.campaigns.policy.test_doors import put, schedule, sign
from tests.campaigns.policy.test_trying import pledged
from tests.campaigns.web import html
from tests.house import Caller

PARTS = {"orchard_minor": 3_000, "cold_store_minor": 500, "packing_minor": 600, "freight_minor": 900}
WATERFALL = {**PARTS, "commission_minor": 1_000}
S = CampaignState


def address(sale: Sale) -> str:
    return f"/campaigns/{sale.campaign_id}"


def page(who: Caller, url: str, language: str = "en") -> html.Read:
    answer = who.get(url, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    return html.read(answer.text)


def told(who: Caller, url: str, language: str = "en") -> str:
    """The words of the page's content."""
    return re.sub(r"\s+", " ", page(who, url, language).one("main").text)


def move(market: Market, sale: Sale, *events: CampaignEvent, reason: str = "rain") -> None:
    def work(session: Any) -> None:
        for event in events:
            planning.move(
                session, presale.now(market), campaign_id=sale.campaign_id, event=event, reason=reason
            )

    database.transact(work)


@pytest.fixture
def put_into(market: Market) -> Iterator[Callable[[Sale, CampaignState], None]]:
    """`put_into(sale, state)`: as if it had come there; afterwards it is where it was."""
    before: dict[Any, str] = {}

    def put(campaign_id: Any, state: str) -> None:
        statement = text("UPDATE campaign SET state = :state WHERE id = :id")
        database.transact(lambda session: session.execute(statement, {"state": state, "id": campaign_id}))

    def put_sale(sale: Sale, state: CampaignState) -> None:
        before.setdefault(sale.campaign_id, market.campaign(sale).state)
        put(sale.campaign_id, state.value)

    yield put_sale
    for campaign_id, state in before.items():
        put(campaign_id, state)


@pytest.fixture
def sale(market: Market) -> Sale:
    """With a ladder, a deposit, a waterfall and a goal."""
    steps = [
        {**step, "waterfall": {**WATERFALL, "orchard_minor": step["unit_price_minor"] - 3_000}}
        for step in presale.LADDER
    ]
    item = {
        "ladder": steps,
        "deposit": presale.DEPOSIT,
        "waterfall": WATERFALL,
        "boxes_per_household_max": 30,
    }
    return market.on_sale(20, price_minor=6_000, item=item, balance=presale.BALANCE, goal_boxes=8)


@pytest.fixture
def looks(monkeypatch) -> list[int]:
    """How many statements were sent, each time something was."""
    counted: list[int] = []
    look = express.Work.look

    def counting(self: express.Work, *statements: express.Statement) -> list[Any]:
        counted.append(len(statements))
        return look(self, *statements)

    monkeypatch.setattr(express.Work, "look", counting)
    return counted


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("state", [state for state in S if state != S.DRAFT])
def test_every_state_has_its_page_and_its_place_in_the_list(
    market: Market, sale: Sale, anyone: Caller, put_into, state: CampaignState, language: str
) -> None:
    if state == S.SCHEDULED:
        sale = market.scheduled(5, at=market.ctx, opens_in=timedelta(days=1), goal_boxes=5)
    else:
        put_into(sale, state)
    found = page(anyone, address(sale), language)
    seen = found.one("main")
    assert seen.attributes["data-state"] == state
    assert words.STATES[state].pick(language) in seen.text
    assert words.SENTENCES[state].pick(language) in seen.text
    assert ("data-live" in seen.attributes) == (state in reading.seen.LIVE)
    assert len(found.every("li", aria_current="step")) == (state not in ENDED)
    assert bool(found.every("progress")) == (state not in {*ENDED, S.SCHEDULED})
    listed = page(anyone, "/campaigns", language)
    assert f"/campaigns/{market.campaign(sale).code}" in listed.links()
    assert words.STATES[state].pick(language) in listed.one("main").text


def test_what_was_never_public_is_not_there(
    market: Market, anyone: Caller, operator: Caller, put_into
) -> None:
    draft = market.draft()
    code = market.campaign(draft).code
    for who in (anyone, operator):
        assert who.get(address(draft)).status_code == 404
        assert who.get(f"/campaigns/{code}").status_code == 404
        assert code not in told(who, "/campaigns")
    move(market, draft, CampaignEvent.CANCEL)
    assert anyone.get(address(draft)).status_code == 404
    assert code not in "".join(page(anyone, "/campaigns").links())
    put_into(draft, S.CLOSED)
    assert anyone.get(address(draft)).status_code == 404


@pytest.mark.parametrize(
    "named", ["nothing", "%00", "a" * 41, "..%2f", "01900000-0000-7000-8000-00000000000", "%E8%8B%B9", "-"]
)
def test_what_is_not_there_is_not_found(anyone: Caller, named: str) -> None:
    assert anyone.get(f"/campaigns/{named}").status_code == 404


def test_a_campaign_is_found_by_its_id_and_by_its_code(market: Market, sale: Sale, anyone: Caller) -> None:
    by_code = anyone.get(f"/campaigns/{market.campaign(sale).code}")
    assert by_code.text == anyone.get(address(sale)).text
    assert f'href="/campaigns/{market.campaign(sale).code}"' in by_code.text


def test_prices_the_goal_and_who_gets_what_are_told_as_numbers(sale: Sale, anyone: Caller) -> None:
    english, chinese = told(anyone, address(sale)), told(anyone, address(sale), "zh")
    for words_of in (
        "¥60.00",
        "¥10.00",
        "at most ¥45.00",
        "Orchard",
        "¥30.00",
        "50 %",
        "from 4 boxes",
        "¥56.00",
    ):
        assert words_of in english
    assert "at most 10 boxes a person, 30 a household" in english
    assert "The deposit counts as ¥15.00; the platform pays the difference." in english
    assert "box of 5 kg" in english
    assert "每箱 5 公斤（10 斤）" in chinese
    assert "每人限 10 箱，每户限 30 箱" in chinese
    assert "定金抵 ¥15.00，差额由平台承担。" in chinese


def test_the_ladder_shows_where_the_sale_stands(
    market: Market, sale: Sale, anyone: Caller, operator: Caller, as_role
) -> None:
    before = page(anyone, address(sale)).one("svg", class_="ladder").attributes["aria-label"]
    assert before == "Price by boxes sold: ¥60.00 down to ¥52.00; 0 boxes sold, the price is ¥60.00."
    presale.bought(as_role(Role.SHOPPER), operator, sale, 5)
    found = page(anyone, address(sale))
    after = found.one("svg", class_="ladder").attributes["aria-label"]
    assert after == "Price by boxes sold: ¥60.00 down to ¥52.00; 5 boxes sold, the price is ¥56.00."
    seen = re.sub(r"\s+", " ", found.one("main").text)
    assert "from 6 boxes ¥52.00 1 box to go" in seen
    assert "at most ¥45.00 ¥41.00 at the step reached" in seen.replace("¥45.00¥", "¥45.00 ¥")
    assert "Of ¥56.00, the price of today's step:" in seen
    [bar] = [each for each in found.every("progress") if each.attributes["data-bar"] == "boxes"]
    assert (bar.attributes["value"], bar.attributes["max"], bar.text) == ("5", "8", "62.5 %")
    assert found.one("section", class_="card item").attributes["data-reached"] == "1"


def test_a_reason_is_told_as_it_was_written_and_the_houses_own_in_both_languages(
    market: Market, sale: Sale, anyone: Caller, put_into
) -> None:
    move(market, sale, CampaignEvent.PAUSE, reason="the road is under water")
    assert "the road is under water" in told(anyone, address(sale), "zh")
    move(market, sale, CampaignEvent.CANCEL, reason="the bridge is gone")
    seen = told(anyone, address(sale))
    assert "the bridge is gone" in seen
    assert "under water" not in seen
    put_into(sale, S.CLOSED)
    assert "the bridge is gone" in told(anyone, address(sale))
    other = market.over(5)
    move(market, other, CampaignEvent.FAIL, reason="the goal is missed")
    assert "its goal was missed" in told(anyone, address(other))
    assert "未达到成团目标" in told(anyone, address(other), "zh")


def test_no_reason_of_another_time_is_told(market: Market, sale: Sale, anyone: Caller) -> None:
    move(market, sale, CampaignEvent.PAUSE, CampaignEvent.RESUME, reason="a stain of yesterday")
    assert "a stain of yesterday" not in told(anyone, address(sale))


def test_the_promise_can_be_checked(market: Market, sale: Sale, anyone: Caller) -> None:
    campaign = market.campaign(sale)
    seen = page(anyone, address(sale))
    codes = [each.text for each in seen.every("code")]
    assert codes[:2] == [campaign.policy_digest, campaign.seed_hash]
    assert (
        f"sha256:{reading.versions.hashlib.sha256(codes[-1].encode()).hexdigest()}" == campaign.policy_digest
    )
    assert campaign.seed not in anyone.get(address(sale)).text
    move(market, sale, CampaignEvent.PAUSE, CampaignEvent.CANCEL)
    assert campaign.seed in anyone.get(address(sale)).text


def test_the_promise_of_minimum_lots_can_be_checked_too(
    market: Market, operator: Caller, anyone: Caller
) -> None:
    sale = pledged(market, goal_boxes=12)
    told = put(operator, sale, {"minimum_boxes": 5}).json
    assert sign(operator, sale).status_code == 201
    assert schedule(operator, sale).status_code == 200
    codes = [each.text for each in page(anyone, address(sale)).every("code")]
    assert (codes[0], codes[-1]) == (told["digest"], told["canonical"])


def test_the_split_is_told_once_every_box_has_its_cooperative(
    market: Market, anyone: Caller, operator: Caller
) -> None:
    market.history(50_000, cooperative=2)
    sold = allotted.sold(market, operator, orders=(12,)).start()
    assert not page(anyone, address(sold.sale)).every("table", class_="split")
    assert sold.state == S.ALLOCATING
    for code in ("YJ01", "YJ02", "YJ03"):
        if sold.latest(code).boxes:
            sold.done(sold.confirm(code))
    assert sold.state == S.HARVESTED
    found = page(anyone, address(sold.sale))
    rows = [each for each in found.every("svg") if "before" in each.attributes["aria-label"]]
    assert len(rows) == 3
    given = {code: boxes for code, _, boxes in sold.told()}
    table = re.sub(r"\s+", " ", found.one("table", class_="split").text)
    for boxes in given.values():
        assert f" {boxes} " in f"{table} "
    assert sum(given.values()) == 12
    assert "per household" in table


def test_cooperatives_that_pledge_are_named_in_both_languages_without_their_boxes(
    market: Market, sale: Sale, anyone: Caller
) -> None:
    with database.reading() as session:
        names = session.execute(text("SELECT name_en, name_zh FROM cooperative WHERE code = 'YJ01'")).one()
    listed = page(anyone, address(sale)).one("ul", class_="sellers").text
    assert all(name in listed for name in names)
    assert "20" not in listed.replace(names.name_en, "").replace("200", "")


NASTY = """<script>alert(1)</script>"&'{{7*7}}"""


def test_a_name_stays_text(market: Market, sale: Sale, anyone: Caller) -> None:
    for statement in (
        "UPDATE campaign SET title_en = :nasty, title_zh = :nasty_zh",
        "UPDATE product SET name_en = :nasty, name_zh = :nasty_zh, grade = '<b>A'",
        "UPDATE cooperative SET name_en = :nasty, name_zh = :nasty_zh, township_en = :nasty",
        "UPDATE county SET name_en = :nasty, name_zh = :nasty_zh",
    ):
        database.transact(
            lambda session, each=statement: session.execute(
                text(each), {"nasty": NASTY, "nasty_zh": f"{NASTY}中"}
            )
        )
    move(market, sale, CampaignEvent.PAUSE, reason="<img src=x onerror=alert(1)>")
    for url in (address(sale), "/campaigns"):
        for language in ("en", "zh"):
            answer = anyone.get(url, headers={"Accept-Language": language})
            found = html.read(answer.text)
            assert NASTY in found.one("h1" if url != "/campaigns" else "main").text
            assert [each.attributes.get("src") for each in found.every("script")] == [
                pages.asset_address("campaigns.js")
            ]
            assert not [each for each in found.every("img") if "onerror" in each.attributes]
            assert not found.every("b", class_="A")
            assert "<b>A" not in answer.text


def test_both_languages_by_the_browser_and_by_the_switch(sale: Sale, anyone: Caller) -> None:
    for url in (address(sale), "/campaigns"):
        for asked, language in (("en", "en"), ("zh-CN,zh;q=0.9", "zh"), ("fr", "en")):
            answer = anyone.get(url, headers={"Accept-Language": asked})
            found = html.read(answer.text)
            assert answer.headers["Content-Language"] == language
            assert "Accept-Language" in answer.headers["Vary"]
            assert found.one("html").attributes["lang"] == {"en": "en", "zh": "zh-Hans"}[language]
            assert found.one("a", aria_current="true").text == {"en": "English", "zh": "中文"}[language]
            assert "?lang=" not in " ".join(found.links() - {"?lang=en", "?lang=zh"})
        chosen = anyone.get(f"{url}?lang=zh", headers={"Accept-Language": "en"})
        assert chosen.headers["Content-Language"] == "zh"
        assert any(
            link.endswith("?lang=zh") and link.startswith("/campaigns")
            for link in html.read(chosen.text).links()
        )
        assert anyone.get(f"{url}?lang=fr&utm_source=x").headers["Content-Language"] == "en"
    assert "Spring presale" in told(anyone, address(sale), "zh")
    assert "春季预售" in told(anyone, address(sale), "en")


def test_every_link_of_every_page_answers(market: Market, sale: Sale, anyone: Caller) -> None:
    other = market.on_sale(3)
    move(market, other, CampaignEvent.PAUSE, CampaignEvent.CANCEL)
    for url in ("/campaigns", address(sale), address(other), f"{address(sale)}?lang=zh", "/"):
        for link in html_links(anyone, url):
            assert not re.match(r"https?:|//", link), f"{link} is not ours"
            full = url.partition("?")[0] + link if link.startswith("?") else link
            assert anyone.get(full).status_code == 200, (url, link)


def html_links(who: Caller, url: str) -> list[str]:
    return re.findall(r'(?:href|src)="([^"#]+)"', who.get(url).text.replace("&amp;", "&"))


def test_who_has_it_already_is_told_so_and_keeps_what_the_page_may_load(sale: Sale, anyone: Caller) -> None:
    for url in ("/campaigns", address(sale)):
        full = anyone.get(url)
        assert full.headers["Cache-Control"] == "no-cache"
        again = anyone.get(url, headers={"If-None-Match": full.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        for answer in (full, again):
            assert answer.headers.getlist("Content-Security-Policy") == [STRICT_POLICY]
            assert "Set-Cookie" not in answer.headers
        assert full.headers.getlist("Content-Language") == ["en"]
        other = anyone.get(url, headers={"If-None-Match": full.headers["ETag"], "Accept-Language": "zh"})
        assert other.status_code == 200
    assert "unsafe" not in STRICT_POLICY


def test_every_change_is_told_at_once_under_another_tag(sale: Sale, anyone: Caller, as_role) -> None:
    tags = {url: anyone.get(url).headers["ETag"] for url in ("/campaigns", address(sale))}
    held(as_role(Role.SHOPPER), sale, 1)
    assert anyone.get(address(sale), headers={"If-None-Match": tags[address(sale)]}).status_code == 200
    assert "19 boxes" in told(anyone, address(sale))


def test_a_page_is_one_statement_however_much_is_on_it(
    market: Market, sale: Sale, anyone: Caller, looks, monkeypatch
) -> None:
    for _ in range(3):
        market.on_sale(2)
    market.scheduled(3, at=market.ctx, opens_in=timedelta(days=3))
    monkeypatch.setattr(database.db, "session", SimpleNamespace(remove=lambda: None))
    code = json.loads(anyone.get(f"/v1{address(sale)}").text)["campaign"]["code"]
    for url in ("/campaigns", address(sale), f"/campaigns/{code}"):
        looks.clear()
        assert anyone.get(url).status_code == 200
        assert looks == [1]


def test_who_comes_a_moment_later_shares_look_and_text(
    sale: Sale, anyone: Caller, looks, monkeypatch
) -> None:
    clock = [showing.time.monotonic_ns()]
    monkeypatch.setattr(showing.time, "monotonic_ns", lambda: clock[0])
    drawn = []
    render = reading.render_template
    monkeypatch.setattr(
        reading, "render_template", lambda *args, **kwargs: drawn.append(1) or render(*args, **kwargs)
    )
    first = anyone.get(address(sale))
    assert [anyone.get(address(sale)).data for _ in range(3)] == [first.data] * 3
    assert (looks, drawn) == ([1], [1])
    anyone.get(address(sale), headers={"Accept-Language": "zh"})
    assert (looks, drawn) == ([1], [1, 1])
    clock[0] += 200 * showing.NANOSECONDS_IN_MS
    assert anyone.get(address(sale)).data == first.data
    assert (looks, drawn) == ([1, 1], [1, 1]), "asked again, and the database said the same"


def test_the_clock_alone_changes_the_page_and_the_list(market: Market, anyone: Caller, monkeypatch) -> None:
    soon = market.scheduled(5, at=market.ctx, opens_in=timedelta(hours=1))
    opens_at = market.campaign(soon).opens_at
    for moment, state, section in ((-1, "scheduled", "coming"), (0, "deposit_open", "selling")):
        monkeypatch.setattr(context, "now_utc", lambda at=opens_at + timedelta(microseconds=moment): at)
        found = page(anyone, address(soon))
        assert found.one("main").attributes["data-state"] == state
        assert found.one("p", class_="countdown").attributes["data-until"].endswith("Z")
        assert [each.attributes["id"] for each in page(anyone, "/campaigns").every("h2")] == [section]


def test_what_is_remembered_is_bounded(sale: Sale, anyone: Caller, monkeypatch) -> None:
    monkeypatch.setattr(reading, "REMEMBERED_MAX", 2)
    for url in (
        address(sale),
        "/campaigns",
        f"{address(sale)}?lang=zh",
        "/campaigns?lang=zh",
        "/campaigns?lang=en",
    ):
        assert anyone.get(url).status_code == 200
        assert len(anyone.app.extensions["campaign_pages_told"]) <= 2


def test_what_is_over_is_listed_page_by_page(market: Market, anyone: Caller, put_into) -> None:
    sales = [market.on_sale(1) for _ in range(14)]
    for each in sales:
        put_into(each, S.SETTLED)
    codes = [f"/campaigns/{market.campaign(each).code}" for each in sales]
    first = page(anyone, "/campaigns")
    assert [link for link in codes if link in first.links()] == codes[2:]
    following = first.one("a", rel="next").attributes["href"]
    second = page(anyone, following)
    assert [link for link in codes if link in second.links()] == codes[:2]
    assert not second.every("a", rel="next")
    assert f"{following.partition('?')[2]}&lang=zh" in " ".join(second.links())
    assert anyone.get("/campaigns?before=x").status_code == 404


def test_nobody_is_named_and_no_order_is_told(
    sale: Sale, anyone: Caller, shopper: Caller, operator: Caller
) -> None:
    order = presale.bought(shopper, operator, sale, 2)
    text_of = anyone.get(address(sale)).text + anyone.get("/campaigns").text
    for secret in (
        order["id"],
        order["payment_id"],
        str(shopper.account_id),
        str(operator.account_id),
        "A shopper",
    ):
        assert secret not in text_of


def test_the_same_is_told_to_whoever_asks(sale: Sale, anyone: Caller, operator: Caller) -> None:
    insider = operator.get(address(sale))
    assert insider.data == anyone.get(address(sale)).data
    assert insider.headers["Cache-Control"] == "private, no-cache"


def test_goals_in_kilograms_and_none_at_all_are_told(
    market: Market, anyone: Caller, operator: Caller, as_role
) -> None:
    plain = market.on_sale(5)
    assert "It takes place however few boxes are sold." in told(anyone, address(plain))
    heavy = market.on_sale(5)
    database.transact(
        lambda session: session.execute(
            text("UPDATE campaign SET goal_grams = 12500 WHERE id = :id"), {"id": heavy.campaign_id}
        )
    )
    paid(as_role(Role.SHOPPER), operator, heavy, 2)
    assert "10 公斤（20 斤） 已售 目标 12.5 公斤（25 斤）" in told(anyone, address(heavy), "zh")
    assert "If the goal is missed" in told(anyone, address(heavy))
    paid(as_role(Role.SHOPPER), operator, heavy, 1)
    assert "The goal is reached." in told(anyone, address(heavy))


@pytest.mark.parametrize("name", sorted(pages.ASSETS))
def test_a_file_is_kept_for_ever_by_its_digest_and_loads_nothing_from_elsewhere(
    anyone: Caller, name: str
) -> None:
    by_digest = anyone.get(pages.asset_address(name))
    plain = anyone.get(f"/assets/{name}")
    assert by_digest.headers["Cache-Control"] == pages.FOR_EVER
    assert plain.headers["Cache-Control"] == "no-cache"
    assert anyone.get(f"/assets/{name}?v=other").headers["Cache-Control"] == "no-cache"
    assert by_digest.data == plain.data
    assert by_digest.mimetype == pages.ASSETS[name][1]
    again = anyone.get(f"/assets/{name}", headers={"If-None-Match": plain.headers["ETag"]})
    assert again.status_code == 304
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", plain.text)


def test_no_other_file_is_served(anyone: Caller) -> None:
    for name in ("pages.py", "..%2fpages.py", "campaigns.map"):
        assert anyone.get(f"/assets/{name}").status_code == 404


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan that read a table."""
    if "Relation Name" in plan:
        yield plan
    for each in plan.get("Plans", []):
        yield from scans(each)


@pytest.mark.parametrize(
    "statement", [statements.LIST, statements.OLDER, statements.ONE_BY_ID, statements.ONE_BY_CODE]
)
def test_no_table_is_read_as_a_whole_however_few_rows_it_had_when_it_was_planned(
    market: Market, sale: Sale, statement: str
) -> None:
    known = {"public": "", "id": sale.campaign_id, "code": "x", "cursor": sale.campaign_id}
    explained = (f"EXPLAIN (FORMAT JSON) {statement}", known)
    [plan] = express.line("reads").run(lambda work: work.look(explained))[0][0]
    found = list(scans(plan["Plan"]))
    assert len(found) > 10 - 5 * (statement == statements.OLDER)
    for scan in found:
        inner = scan.get("Plans", [])
        asked = [scan] if not inner else leaves(inner)
        assert all("Index Cond" in each for each in asked), (scan["Node Type"], scan["Relation Name"])


def leaves(plans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [leaf for plan in plans for leaf in (leaves(plan["Plans"]) if "Plans" in plan else [plan])]
