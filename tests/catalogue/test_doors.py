"""Counties, cooperatives, products and packs at the door."""

import uuid
from threading import Barrier, Thread

import pytest
from sqlalchemy import text

from marketplace import context, database
from marketplace.access import Role
from marketplace.catalogue import cooperatives, counties, products
from marketplace.catalogue.invariants import INVARIANTS
from marketplace.catalogue.models import Cooperative, Pack

GTIN = "9521234000013"
OTHER_GTIN = "19521234000010"
GLN = "9521234001003"
COUNTY = {"code": "YJ", "name_en": "Yijun", "name_zh": "宜君"}
PRODUCT = {
    "code": "fuji-a-80",
    "variety": "Fuji",
    "grade": "A",
    "size": "80-85",
    "name_en": "Fuji A, 80 mm",
    "name_zh": "富士 A 级 80 毫米",
}
FACTS = {
    "name_en": "Wuli Orchard",
    "name_zh": "五里果业",
    "township_en": "Wuli",
    "township_zh": "五里镇",
    "member_households": 98,
    "members": 262,
}
PRICE = {"list_price_minor": 4_990, "currency": "CNY"}


@pytest.fixture
def operator(as_role):
    return as_role(Role.OPERATOR)


@pytest.fixture
def county(operator):
    return made(operator, "/v1/counties", {**COUNTY, "is_demo": True})


@pytest.fixture
def cooperative(operator, county):
    return made(
        operator, "/v1/cooperatives", {"county_id": county["id"], "code": "YJ01", **FACTS, "gln": GLN}
    )


@pytest.fixture
def product(operator):
    return made(operator, "/v1/products", PRODUCT)


@pytest.fixture
def pack(operator, product):
    facts = {"product_id": product["id"], "code": "box-5kg", "net_grams": 5_000, "gtin": GTIN, **PRICE}
    return made(operator, "/v1/packs", facts)


def made(operator, path, facts):
    answer = operator.post(path, json=facts)
    assert answer.status_code == 201, answer.json
    assert answer.headers["Location"] == f"{path}/{answer.json['id']}"
    assert answer.headers["ETag"] == '"1"'
    return answer.json


def edit(caller, path, facts, version=1):
    return caller.put(path, json=facts, key=None, headers={"If-Match": f'"{version}"'})


def test_a_county_shows_both_names_and_that_it_is_made_up(anyone, county):
    answer = anyone.get(f"/v1/counties/{county['id']}")
    assert answer.status_code == 200
    assert answer.json == county
    assert {**COUNTY, "is_demo": True, "version": 1}.items() <= county.items()


def test_a_county_is_real_unless_said_otherwise(operator):
    assert made(operator, "/v1/counties", COUNTY)["is_demo"] is False


def test_a_cooperative_shows_everything_and_that_its_county_is_made_up(anyone, cooperative, county):
    answer = anyone.get(f"/v1/cooperatives/{cooperative['id']}")
    assert answer.json == cooperative
    expected = {**FACTS, "county_id": county["id"], "code": "YJ01", "gln": GLN, "is_demo": True, "version": 1}
    assert expected.items() <= cooperative.items()


def test_a_pack_shows_its_product(anyone, pack, product):
    answer = anyone.get(f"/v1/packs/{pack['id']}")
    assert answer.json == pack
    shown = {
        "variety": "Fuji",
        "grade": "A",
        "size": "80-85",
        "product_code": "fuji-a-80",
        "net_grams": 5_000,
    }
    assert {**shown, **PRICE, "gtin": f"0{GTIN}", "name_zh": product["name_zh"]}.items() <= pack.items()
    assert anyone.get(f"/v1/products/{product['id']}").json == product


def test_net_grams_may_be_given_in_jin(operator, product):
    facts = {"product_id": product["id"], "code": "b", "net_grams": {"value": 10, "unit": "jin"}, **PRICE}
    assert made(operator, "/v1/packs", facts)["net_grams"] == 5_000


@pytest.mark.parametrize("kind", ["counties", "cooperatives", "products", "packs"])
def test_what_is_not_there_is_not_found(anyone, operator, kind):
    path = f"/v1/{kind}/{uuid.uuid4()}"
    assert anyone.get(path).status_code == 404
    names = {"name_en": "A", "name_zh": "甲"}
    body = {"cooperatives": FACTS, "packs": PRICE}.get(kind, names)
    assert edit(operator, path, body).status_code == 404


@pytest.mark.parametrize("kind", ["counties", "cooperatives", "products", "packs"])
def test_only_operators_write(anyone, as_role, kind):
    shopper = as_role(Role.SHOPPER)
    path = f"/v1/{kind}/{uuid.uuid4()}"
    assert anyone.post(f"/v1/{kind}", json={}).status_code == 401
    assert shopper.post(f"/v1/{kind}", json={}).status_code == 403
    assert edit(shopper, path, {}).status_code == 403


@pytest.mark.parametrize("kind", ["counties", "cooperatives", "products", "packs"])
def test_creating_needs_a_key(operator, kind, county, product):
    bodies = {
        "counties": {**COUNTY, "code": "B"},
        "cooperatives": {"county_id": county["id"], "code": "B", **FACTS},
        "products": {**PRODUCT, "code": "B"},
        "packs": {"product_id": product["id"], "code": "B", "net_grams": 1, **PRICE},
    }
    answer = operator.post(f"/v1/{kind}", json=bodies[kind], key=None)
    assert answer.status_code == 400
    assert answer.json["code"] == "idempotency_key_missing"


def test_the_same_key_makes_one_county_and_answers_the_same(operator):
    key = str(uuid.uuid4())
    first = operator.post("/v1/counties", json=COUNTY, key=key)
    again = operator.post("/v1/counties", json=COUNTY, key=key)
    assert again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true"


def test_codes_are_taken_once(operator, county, cooperative, product, pack):
    cases = {
        "counties": (COUNTY, "county_code_taken"),
        "cooperatives": ({"county_id": county["id"], "code": "YJ01", **FACTS}, "cooperative_code_taken"),
        "products": (PRODUCT, "product_code_taken"),
        "packs": (
            {"product_id": product["id"], "code": "box-5kg", "net_grams": 1, **PRICE},
            "pack_code_taken",
        ),
    }
    for kind, (body, code) in cases.items():
        answer = operator.post(f"/v1/{kind}", json=body)
        assert (answer.status_code, answer.json["code"]) == (409, code)


def test_two_counties_may_have_cooperatives_of_one_code(operator, cooperative):
    other = made(operator, "/v1/counties", {**COUNTY, "code": "LC"})
    made(operator, "/v1/cooperatives", {"county_id": other["id"], "code": "YJ01", **FACTS})


def test_glns_and_gtins_are_taken_once(operator, county, cooperative, product, pack):
    twin = {"county_id": county["id"], "code": "YJ02", **FACTS, "gln": GLN}
    assert operator.post("/v1/cooperatives", json=twin).json["code"] == "gln_taken"
    box = {"product_id": product["id"], "code": "box-b", "net_grams": 1, **PRICE, "gtin": f"0{GTIN}"}
    assert operator.post("/v1/packs", json=box).json["code"] == "gtin_taken"

    second = made(operator, "/v1/cooperatives", {**twin, "gln": None})
    taken = edit(operator, f"/v1/cooperatives/{second['id']}", {**FACTS, "gln": GLN})
    assert (taken.status_code, taken.json["code"]) == (409, "gln_taken")
    other_box = made(operator, "/v1/packs", {**box, "gtin": None})
    taken = edit(operator, f"/v1/packs/{other_box['id']}", {**PRICE, "gtin": GTIN})
    assert (taken.status_code, taken.json["code"]) == (409, "gtin_taken")


def test_a_wrong_check_digit_is_refused_with_the_right_one(operator, county, product, cooperative, pack):
    body = {"county_id": county["id"], "code": "YJ02", **FACTS, "gln": "9521234001004"}
    answer = operator.post("/v1/cooperatives", json=body, headers={"Accept-Language": "zh"})
    assert (answer.status_code, answer.json["code"]) == (422, "gln_refused")
    assert answer.json["errors"] == [{"pointer": "/gln", "detail": "末位校验码应为 3。"}]
    body = {"product_id": product["id"], "code": "c", "net_grams": 1, **PRICE, "gtin": "9521234000014"}
    answer = operator.post("/v1/packs", json=body)
    assert (answer.status_code, answer.json["code"]) == (422, "gtin_refused")
    edited = edit(operator, f"/v1/packs/{pack['id']}", {**PRICE, "gtin": "123"})
    assert edited.json["code"] == "gtin_refused"
    edited = edit(operator, f"/v1/cooperatives/{cooperative['id']}", {**FACTS, "gln": "123"})
    assert edited.json["code"] == "gln_refused"


def test_nothing_is_made_in_a_county_or_of_a_product_that_is_not_there(operator, app):
    nowhere = {"county_id": str(uuid.uuid4()), "code": "A", **FACTS}
    assert operator.post("/v1/cooperatives", json=nowhere).json["code"] == "county_not_found"
    nothing = {"product_id": str(uuid.uuid4()), "code": "A", "net_grams": 1, **PRICE}
    assert operator.post("/v1/packs", json=nothing).json["code"] == "product_not_found"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("member_households", 0),
        ("member_households", 1_000_001),
        ("member_households", 3.0),
        ("member_households", "3"),
        ("members", 0),
        ("members", True),
        ("name_zh", ""),
        ("name_zh", "a\x00b"),
        ("name_en", "x" * 201),
        ("township_en", None),
        ("county_id", "nowhere"),
        ("code", "a b"),
        ("gln", 9521234001003),
        ("is_demo", True),
    ],
)
def test_facts_out_of_shape_are_refused_by_name(operator, county, name, value):
    body = {"county_id": county["id"], "code": "YJ01", **FACTS, name: value}
    answer = operator.post("/v1/cooperatives", json=body)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == [f"/{name}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("net_grams", 0),
        ("net_grams", 100_000_001),
        ("net_grams", 1.5),
        ("list_price_minor", -1),
        ("list_price_minor", 1_000_000_001),
        ("currency", "cny"),
        ("gtin", ""),
    ],
)
def test_packs_out_of_bounds_are_refused_by_name(operator, product, name, value):
    body = {"product_id": product["id"], "code": "b", "net_grams": 5_000, **PRICE, name: value}
    answer = operator.post("/v1/packs", json=body)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == [f"/{name}"]


def test_an_edit_makes_the_next_version(operator, anyone, cooperative):
    path = f"/v1/cooperatives/{cooperative['id']}"
    assert anyone.get(path).headers["ETag"] == '"1"'
    answer = edit(operator, path, {**FACTS, "member_households": 120})
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"2"'
    expected = {**cooperative, "member_households": 120, "gln": None, "version": 2}
    assert answer.json == expected == anyone.get(path).json


def test_an_edit_that_changes_nothing_keeps_the_version(operator, product):
    names = {"name_en": product["name_en"], "name_zh": product["name_zh"]}
    answer = edit(operator, f"/v1/products/{product['id']}", names)
    assert (answer.status_code, answer.json["version"]) == (200, 1)


def test_counties_products_and_packs_are_edited_alike(operator, county, product, pack):
    names = {"name_en": "New", "name_zh": "新"}
    renamed = edit(operator, f"/v1/counties/{county['id']}", names)
    assert {**county, **names, "version": 2} == renamed.json
    renamed = edit(operator, f"/v1/products/{product['id']}", names)
    assert {**product, **names, "version": 2} == renamed.json
    facts = {"list_price_minor": 0, "currency": "EUR", "gtin": OTHER_GTIN}
    repriced = edit(operator, f"/v1/packs/{pack['id']}", facts)
    assert {**pack, **facts, **names, "version": 2} == repriced.json


@pytest.mark.parametrize("name", ["variety", "grade", "size", "code"])
def test_what_fruit_a_product_is_cannot_be_edited(operator, product, name):
    body = {"name_en": "A", "name_zh": "甲", name: "B"}
    answer = edit(operator, f"/v1/products/{product['id']}", body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == f"/{name}"


def test_an_edit_says_which_version_it_saw(operator, county, cooperative, product, pack):
    names = {"name_en": "New", "name_zh": "新"}
    for path, body in {
        f"/v1/counties/{county['id']}": names,
        f"/v1/cooperatives/{cooperative['id']}": FACTS,
        f"/v1/products/{product['id']}": names,
        f"/v1/packs/{pack['id']}": PRICE,
    }.items():
        assert operator.put(path, json=body, key=None).status_code == 428
        stale = edit(operator, path, body, version=7)
        assert (stale.status_code, stale.json["version"]) == (412, 1)


def test_of_two_edits_of_one_version_one_wins(operator, product):
    path = f"/v1/products/{product['id']}"
    together = Barrier(2)
    statuses = []

    def rename(name):
        together.wait()
        statuses.append(edit(operator, path, {"name_en": name, "name_zh": name}).status_code)

    threads = [Thread(target=rename, args=(name,)) for name in ("One", "Two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 412]


def test_lists_come_in_pages_and_can_be_narrowed(operator, anyone, county, product):
    other = made(operator, "/v1/counties", {**COUNTY, "code": "LC"})
    for number in range(3):
        made(operator, "/v1/cooperatives", {"county_id": county["id"], "code": f"C{number}", **FACTS})
        made(
            operator,
            "/v1/packs",
            {"product_id": product["id"], "code": f"p{number}", "net_grams": 1, **PRICE},
        )
    made(operator, "/v1/cooperatives", {"county_id": other["id"], "code": "D", **FACTS})

    first = anyone.get(f"/v1/cooperatives?county_id={county['id']}&limit=2")
    assert [each["code"] for each in first.json["items"]] == ["C0", "C1"]
    assert all(each["is_demo"] for each in first.json["items"])
    address = first.headers["Link"].split(";")[0].strip("<>")
    rest = anyone.get(address).json
    assert [each["code"] for each in rest["items"]] == ["C2"]
    assert rest["next_cursor"] is None
    assert len(anyone.get("/v1/cooperatives").json["items"]) == 4
    assert [each["code"] for each in anyone.get("/v1/counties").json["items"]] == ["YJ", "LC"]
    assert [each["code"] for each in anyone.get("/v1/products").json["items"]] == [product["code"]]
    packs = anyone.get(f"/v1/packs?product_id={product['id']}").json["items"]
    assert [each["variety"] for each in packs] == ["Fuji"] * 3
    assert anyone.get(f"/v1/packs?product_id={uuid.uuid4()}").json["items"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "cursor=1", "county_id=1", "colour=red"])
def test_queries_out_of_shape_are_refused(anyone, query):
    assert anyone.get(f"/v1/cooperatives?{query}").status_code == 422


def test_use_cases_find_what_the_doors_made(app, county, cooperative, pack):
    with database.reading() as session:
        found = counties.find_by_code(session, code="YJ")
        assert found is not None
        assert [each.code for each in cooperatives.of_county(session, county_id=found.id)] == ["YJ01"]
        box = products.find_pack(session, code="box-5kg")
        assert box is not None
        assert (box.variety, box.grade) == ("Fuji", "A")
        assert counties.find_by_code(session, code="none") is None
        assert products.find_pack(session, code="none") is None
        with pytest.raises(counties.CountyNotFound):
            cooperatives.of_county(session, county_id=uuid.uuid4())


def test_the_invariants_hold_and_find_wrong_check_digits(app, cooperative, pack):
    with database.reading() as session:
        for invariant in INVARIANTS:
            assert session.execute(text(invariant.sql)).all() == [], invariant.id
        session.get_one(Pack, uuid.UUID(pack["id"])).gtin = "09521234000014"
        session.get_one(Cooperative, uuid.UUID(cooperative["id"])).gln = "9521234001004"
        session.flush()
        broken = [each.id for each in INVARIANTS if session.execute(text(each.sql)).all()]
        assert broken == ["K1", "K2"]


def test_creating_without_a_request_works_as_well(app):
    with database.transaction() as session:
        ctx = context.system()
        home = counties.create(session, ctx, **COUNTY)
        made_one = cooperatives.create(session, ctx, county_id=home.id, code="A", **FACTS)
        assert made_one.is_demo is False
