"""CSV files at the door: whole files or nothing."""

import uuid
from threading import Barrier, Thread

import pytest
from sqlalchemy import func, select

from marketplace import database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.catalogue.models import Cooperative
from marketplace.settings import PROJECT_ROOT

ROSTER = PROJECT_ROOT / "campaigns" / "demo_data" / "made_up_yijun" / "cooperatives.csv"
HEADING = "code,name_zh,name_en,township_zh,township_en,member_households,members,gln"
ROW = "A1,甲,One,五里镇,Wuli,98,262,9521234001003"
PRODUCTS = (
    "code,variety,grade,size,name_zh,name_en\nfuji-a,Fuji,A,80-85,富士,Fuji\ngala-b,Gala,B,,嘎拉,Gala\n"
)
PACKS = (
    "code,product_code,net_grams,gtin,list_price_minor,currency\n"
    "f5,fuji-a,5000,9521234000013,4990,CNY\ng10,gala-b,10000,,7990,CNY\n"
)


@pytest.fixture
def operator(as_role):
    return as_role(Role.OPERATOR)


@pytest.fixture
def county(operator):
    body = {"code": "YJ", "name_en": "Yijun", "name_zh": "宜君", "is_demo": True}
    return operator.post("/v1/counties", json=body).json


@pytest.fixture
def roster(county):
    return f"/v1/cooperatives/imports?county_id={county['id']}"


def upload(caller, path, content, content_type="text/csv", **options):
    data = content.encode() if isinstance(content, str) else content
    return caller.post(path, data=data, content_type=content_type, **options)


def report(answer):
    assert answer.status_code == 200, answer.json
    return tuple(answer.json[name] for name in ("rows", "created", "updated", "unchanged"))


def faults(answer):
    assert (answer.status_code, answer.json["code"]) == (422, "csv_refused"), answer.json
    assert answer.json["faults"] == len(answer.json["errors"])
    return [(each["line"], each["column"], each["value"]) for each in answer.json["errors"]]


def test_the_made_up_roster_imports_and_then_changes_nothing(operator, anyone, roster, county):
    data = ROSTER.read_bytes()
    rows = len(data.splitlines()) - 1
    assert report(upload(operator, roster, data)) == (rows, rows, 0, 0)
    assert report(upload(operator, roster, data)) == (rows, 0, 0, rows)
    assert report(upload(operator, roster, b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))) == (
        rows,
        0,
        0,
        rows,
    )
    first = anyone.get(f"/v1/cooperatives?county_id={county['id']}&limit=1").json["items"][0]
    assert (first["code"], first["version"], first["is_demo"]) == ("YJ01", 1, True)


def test_known_codes_are_edited_and_their_version_moves_on(operator, anyone, roster):
    assert report(upload(operator, roster, f"{HEADING}\n{ROW}\n")) == (1, 1, 0, 0)
    changed = ROW.replace(",98,", ",99,")
    other = ROW.replace("A1", "A2").replace("9521234001003", "")
    assert report(upload(operator, roster, f"{HEADING}\n{changed}\n{other}\n")) == (2, 1, 1, 0)
    items = anyone.get("/v1/cooperatives").json["items"]
    assert [(each["code"], each["member_households"], each["version"]) for each in items] == [
        ("A1", 99, 2),
        ("A2", 98, 1),
    ]


def test_a_column_left_out_keeps_what_is_stored_and_an_empty_cell_clears_it(operator, anyone, roster):
    upload(operator, roster, f"{HEADING}\n{ROW}\n")
    short = "\n".join(line.rpartition(",")[0] for line in (HEADING, ROW))
    assert report(upload(operator, roster, short)) == (1, 0, 0, 1)
    assert report(upload(operator, roster, f"{HEADING}\n{ROW.rpartition(',')[0]},\n")) == (1, 0, 1, 0)
    assert anyone.get("/v1/cooperatives").json["items"][0]["gln"] is None


def test_one_bad_row_and_nothing_is_imported(operator, anyone, roster):
    good = ROW.replace("A1", "A2").replace("9521234001003", "")
    bad = "B B,,Two,五里镇,Wuli,0,1.5,9521234001004"
    answer = upload(operator, roster, f"{HEADING}\n{ROW}\n{good}\n{bad}\n{good}\n")
    assert faults(answer) == [
        (4, "code", "B B"),
        (4, "name_zh", ""),
        (4, "member_households", "0"),
        (4, "members", "1.5"),
        (4, "gln", "9521234001004"),
        (5, "code", "A2"),
    ]
    assert anyone.get("/v1/cooperatives").json["items"] == []


def test_reasons_come_in_the_language_asked_for(operator, roster):
    bad = f"{HEADING}\n{ROW.replace('9521234001003', '9521234001004')}\n"
    english = upload(operator, roster, bad)
    chinese = upload(operator, roster, bad, headers={"Accept-Language": "zh"})
    assert english.json["errors"][0]["detail"] == "The last digit, the check digit, should be 3."
    assert chinese.json["errors"][0]["detail"] == "末位校验码应为 3。"


def test_wrong_columns_nul_and_foreign_encodings_are_named(operator, roster):
    assert faults(upload(operator, roster, f"{HEADING},colour,code\n")) == [
        (1, "colour", "colour"),
        (1, "code", "code"),
    ]
    assert faults(upload(operator, roster, "code,name_zh\n"))[0] == (1, "name_en", "")
    nul = f"{HEADING}\n{ROW}\n".replace("One", "O\x00ne")
    assert faults(upload(operator, roster, nul)) == [(2, "name_en", "O\x00ne")]
    assert faults(upload(operator, roster, f"{HEADING}\n{ROW}\n".encode("gb18030"))) == [(2, "", "")]


def test_many_faults_are_counted_and_the_first_shown(operator, roster):
    rows = "\n".join(f"K{i},甲,One,镇,T,0,1," for i in range(80))
    answer = upload(operator, roster, f"{HEADING}\n{rows}\n")
    assert (answer.json["faults"], len(answer.json["errors"])) == (80, 50)


def test_files_beyond_the_limits_are_refused(operator, roster):
    rows = "\n".join(f"K{i},甲,One,镇,T,1,1," for i in range(5_001))
    assert faults(upload(operator, roster, f"{HEADING}\n{rows}\n")) == [(5_002, "", "")]
    assert upload(operator, roster, b"x" * 1_000_001).status_code == 413


def test_the_largest_file_is_imported(operator, roster):
    rows = "\n".join(f"K{i},甲,One,镇,T,1,1," for i in range(5_000))
    assert report(upload(operator, roster, f"{HEADING}\n{rows}\n")) == (5_000, 5_000, 0, 0)


def test_a_gln_of_another_cooperative_is_a_fault(operator, roster):
    upload(operator, roster, f"{HEADING}\n{ROW}\n")
    answer = upload(operator, roster, f"{HEADING}\n{ROW.replace('A1', 'A2')}\n")
    assert faults(answer) == [(2, "gln", "9521234001003")]


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("application/json", {}),
        ("text/csv; charset=gb18030", {}),
        ("text/csv", {"Content-Encoding": "gzip"}),
        ("multipart/form-data; boundary=x", {}),
        (None, {}),
    ],
)
def test_other_media_types_are_refused(operator, roster, content_type, headers):
    answer = upload(operator, roster, f"{HEADING}\n{ROW}\n", content_type, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")
    assert "text/csv" in answer.json["detail"]


@pytest.mark.parametrize("kind", ["cooperatives", "products", "packs"])
def test_only_operators_import(anyone, as_role, kind):
    path = f"/v1/{kind}/imports?county_id={uuid.uuid4()}"
    assert upload(anyone, path, "").status_code == 401
    assert upload(as_role(Role.COOPERATIVE), path, "").status_code == 403


@pytest.mark.parametrize("kind", ["cooperatives", "products", "packs"])
def test_imports_need_a_key_and_are_done_once(operator, county, kind):
    files = {"cooperatives": f"{HEADING}\n{ROW}\n", "products": PRODUCTS, "packs": PACKS}
    upload(operator, "/v1/products/imports", PRODUCTS)
    path = f"/v1/{kind}/imports" + (f"?county_id={county['id']}" if kind == "cooperatives" else "")
    assert upload(operator, path, files[kind], key=None).status_code == 400
    key = str(uuid.uuid4())
    first = upload(operator, path, files[kind], key=key)
    again = upload(operator, path, files[kind], key=key)
    assert first.status_code == 200
    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")


def test_a_county_that_is_not_there_has_no_file(operator, anyone):
    nowhere = f"county_id={uuid.uuid4()}"
    assert anyone.get(f"/v1/cooperatives.csv?{nowhere}").json["code"] == "county_not_found"
    assert upload(operator, f"/v1/cooperatives/imports?{nowhere}", ROW).json["code"] == "county_not_found"
    assert anyone.get("/v1/cooperatives.csv").status_code == 422
    assert upload(operator, "/v1/cooperatives/imports", ROW).status_code == 422


def test_what_is_downloaded_can_be_uploaded_again(operator, anyone, roster, county):
    names = ["=1+1", "+x", "-x", "@x", "'=x", "''x", 'a "b", c', "'", "苹果"]
    for number, name in enumerate(names):
        body = {
            "county_id": county["id"], "code": f"C{number}", "name_en": name, "name_zh": name,
            "township_en": name, "township_zh": name, "member_households": 1, "members": 1,
        }  # fmt: skip
        assert operator.post("/v1/cooperatives", json=body).status_code == 201

    answer = anyone.get(f"/v1/cooperatives.csv?county_id={county['id']}")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="cooperatives-YJ-demo.csv"'
    assert answer.data.startswith(b"\xef\xbb\xbfcode,name_zh")
    assert b"\r\nC0,'=1+1,'=1+1,'=1+1,'=1+1,1,1,\r\n" in answer.data
    assert report(upload(operator, roster, answer.data)) == (len(names), 0, 0, len(names))


def test_products_and_packs_go_in_and_out(operator, anyone):
    assert report(upload(operator, "/v1/products/imports", PRODUCTS)) == (2, 2, 0, 0)
    assert report(upload(operator, "/v1/packs/imports", PACKS)) == (2, 2, 0, 0)
    packs = anyone.get("/v1/packs").json["items"]
    assert [(each["code"], each["variety"], each["gtin"]) for each in packs] == [
        ("f5", "Fuji", "09521234000013"),
        ("g10", "Gala", None),
    ]
    for kind in ("products", "packs"):
        data = anyone.get(f"/v1/{kind}.csv").data
        assert report(upload(operator, f"/v1/{kind}/imports", data)) == (2, 0, 0, 2)
    dearer = PACKS.replace("4990", "5990")
    assert report(upload(operator, "/v1/packs/imports", dearer)) == (2, 0, 1, 1)
    renamed = PRODUCTS.replace("嘎拉", "嘎啦")
    assert report(upload(operator, "/v1/products/imports", renamed)) == (2, 0, 1, 1)


def test_what_fruit_it_is_never_changes_by_a_file_either(operator):
    upload(operator, "/v1/products/imports", PRODUCTS)
    upload(operator, "/v1/packs/imports", PACKS)
    answer = upload(operator, "/v1/products/imports", PRODUCTS.replace("Fuji,A,80-85", "Fuji,B,75-80"))
    assert faults(answer) == [(2, "grade", "B"), (2, "size", "75-80")]
    assert "is A already" in answer.json["errors"][0]["detail"]
    answer = upload(operator, "/v1/packs/imports", PACKS.replace("fuji-a,5000", "gala-b,4000"))
    assert faults(answer) == [(2, "product_code", "gala-b"), (2, "net_grams", "4000")]


def test_packs_of_unknown_products_and_with_foreign_gtins_are_faults(operator):
    upload(operator, "/v1/products/imports", PRODUCTS)
    upload(operator, "/v1/packs/imports", PACKS)
    heading = PACKS.splitlines()[0]
    answer = upload(
        operator, "/v1/packs/imports", f"{heading}\nx,none,1,,0,CNY\ny,gala-b,1,09521234000013,0,CNY\n"
    )
    assert faults(answer) == [(2, "product_code", "none"), (3, "gtin", "09521234000013")]
    answer = upload(operator, "/v1/packs/imports", f"{heading}\nx,gala-b,0,12,-1,cny\n")
    assert [column for _, column, _ in faults(answer)] == [
        "net_grams",
        "gtin",
        "list_price_minor",
        "currency",
    ]


def test_an_import_leaves_a_row_in_the_audit_for_itself_and_each_change(operator, roster, app):
    answer = upload(operator, roster, f"{HEADING}\n{ROW}\n")
    with database.reading() as session:
        actions = session.scalars(
            select(AuditEntry.action).where(AuditEntry.request_id == answer.headers["X-Request-Id"])
        )
        assert sorted(actions) == ["cooperative.create", "cooperative.import"]


@pytest.mark.parametrize("kind", ["cooperatives", "products"])
def test_two_imports_at_once_import_once(operator, county, app, kind):
    path = f"/v1/{kind}/imports" + (f"?county_id={county['id']}" if kind == "cooperatives" else "")
    rows = "".join(f"K{i},甲,One,镇,T,1,1,\n" for i in range(200))
    content = f"{HEADING}\n{rows}" if kind == "cooperatives" else PRODUCTS
    together = Barrier(4)
    answers = []

    def one():
        together.wait()
        answers.append(upload(operator, path, content))

    threads = [Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = [answer.json for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= ({200} if kind == "cooperatives" else {200, 409})
    assert sum(each["created"] for each in good) == (200 if kind == "cooperatives" else 2)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Cooperative)) in (0, 200)
