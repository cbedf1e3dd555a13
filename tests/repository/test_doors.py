"""The doors of a county's repository: documents come in and back, and queries find what the rules find."""

import json
import uuid
from copy import deepcopy
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask

from inventory.epcis.event_hash import namespaces_of
from inventory.epcis.reading import read
from inventory.repository import capturing, finding
from inventory.repository.matching import matches
from inventory.repository.query_rules import of_address
from marketplace import context, database
from marketplace.access import Role
from marketplace.catalogue import counties
from tests import builders
from tests.epcis.documents import BOX, KINDS, PALLET, document, full, least, least_document, query_document
from tests.epcis.gs1 import examples_in, folder
from tests.house import Caller

BOX_URN = "urn:epc:id:sgtin:9521234.000001.K7Q2M9XW4T"


class Repository:
    """A county's repository, as an operator uses it."""

    def __init__(self, who: Caller, county_id: uuid.UUID) -> None:
        self.who = who
        self.url = f"/v1/counties/{county_id}/epcis"

    def send(self, body: Any, *, status: int = 202, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.who.call("POST", f"{self.url}/capture", json=body, headers=named)
        assert response.status_code == status, response.get_data(as_text=True)
        return response.json

    def ask(self, path: str = "/events", status: int = 200, **query: Any) -> Any:
        response = self.who.call("GET", f"{self.url}{path}", query_string=query)
        assert response.status_code == status, response.get_data(as_text=True)
        return response

    def events(self, path: str = "/events", **query: Any) -> list[dict[str, Any]]:
        answer = self.ask(path, **query).json
        read(answer)
        return answer["epcisBody"]["queryResults"]["resultsBody"]["eventList"]

    def pages(self, **query: Any) -> list[list[dict[str, Any]]]:
        """All pages, each asked for by the address that the one before gave."""
        address = f"{self.url}/events"
        response = self.who.call("GET", address, query_string=query)
        found = []
        while True:
            assert response.status_code == 200, response.get_data(as_text=True)
            found.append(response.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"])
            link = response.headers.get("Link")
            if link is None:
                return found
            assert link.endswith('>; rel="next"')
            assert response.headers["GS1-Next-Page-Token-Expires"]
            response = self.who.call("GET", link[1:].partition(">")[0])


@pytest.fixture
def repository(app: Flask, as_role: Any) -> Repository:
    return Repository(as_role(Role.OPERATOR), builders.build(app).county_id)


def another_county(name: str) -> uuid.UUID:
    """A county without anything."""
    code = "".join(letter for letter in name if letter.isalnum())[:12] + uuid.uuid4().hex[:4]
    facts = {"code": code, "name_en": name, "name_zh": name}
    return database.transact(lambda session: counties.create(session, context.system(), **facts).id)


def plain(event: dict[str, Any]) -> dict[str, Any]:
    """An event without what the repository says of it."""
    return {name: value for name, value in event.items() if name not in ("recordTime", "eventID", "@context")}


def told(number: int, **members: Any) -> dict[str, Any]:
    event = least("ObjectEvent")
    event["epcList"] = [f"urn:epc:id:sgtin:9521234.000001.{number}"]
    event["eventTime"] = f"2026-10-19T06:{number:02d}:00Z"
    return {**event, **members}


def distinct(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same events, each with a name of its own and none declared wrong."""
    for number, event in enumerate(events):
        event.pop("errorDeclaration", None)
        event["eventID"] = f"urn:uuid:{uuid.UUID(int=number)}"
    return events


def test_every_shape_of_event_is_taken_in_and_comes_back_equal(repository: Repository):
    events = distinct([full(kind) for kind in KINDS])
    sent = document(*deepcopy(events))

    job = repository.send(sent)

    assert (job["success"], job["running"], job["events"], job["taken"], job["errors"]) == (
        True,
        False,
        5,
        5,
        [],
    )
    found = repository.events()
    assert [plain(event) for event in found] == [plain(event) for event in events]
    assert [event["eventID"] for event in found] == [event["eventID"] for event in events]
    assert repository.ask().json["@context"][1:] == sent["@context"]


def test_the_published_examples_are_taken_in_and_come_back_equal(app: Flask, as_role: Any):
    examples = examples_in(folder())
    if not examples:
        pytest.skip("GS1's examples do not lie beside the project")
    operator = as_role(Role.OPERATOR)
    for name, example in examples.items():
        repository = Repository(operator, another_county(name))
        parcel = capturing.unpacked(example)

        job = repository.send(example)

        assert job["success"], (name, job)
        found = repository.events()
        assert [plain(event) for event in found] == [plain(event) for event in parcel.events], name
        for sent, back in zip(parcel.events, found, strict=True):
            assert "eventID" not in sent or back["eventID"] == sent["eventID"]
        contexts = [each for each in parcel.contexts if not isinstance(each, str)]
        assert [each for each in repository.ask().json["@context"] if not isinstance(each, str)] == contexts


def test_the_same_document_twice_is_there_once(repository: Repository):
    sent = least_document(told(1), told(2))

    first, second = repository.send(sent), repository.send(sent)

    assert (first["taken"], second["taken"]) == (2, 2)
    assert len(repository.events()) == 2


def test_an_answer_of_another_repository_is_taken_in(repository: Repository):
    repository.send(query_document(told(1)))

    assert [plain(event) for event in repository.events()] == [told(1)]


def test_one_wrong_event_keeps_all_out_unless_the_others_are_asked_for(repository: Repository):
    sent = least_document(told(1), {**told(2), "action": "add"}, told(3))

    job = repository.send(sent)

    assert (job["success"], job["captureErrorBehaviour"], job["taken"]) == (False, "rollback", 0)
    assert [each["pointer"] for each in job["errors"]] == ["/epcisBody/eventList/1/action"]
    assert job["errors"][0]["type"] == "epcisException:ValidationException"
    assert repository.events() == []
    job = repository.send(sent, GS1_Capture_Error_Behaviour="proceed")
    assert (job["success"], job["captureErrorBehaviour"], job["taken"]) == (False, "proceed", 2)
    assert [plain(event) for event in repository.events()] == [told(1), told(3)]


@pytest.mark.parametrize("behaviour", ["rollback", "proceed"])
def test_a_name_that_another_event_has_keeps_an_event_out(repository: Repository, behaviour: str):
    repository.send(least_document(told(1, eventID="urn:a:1")))
    sent = least_document(
        told(2, eventID="urn:a:1"),
        told(3, eventID="urn:a:3"),
        told(4, eventID="urn:a:3"),
        told(5),
        told(1, eventID="urn:a:1"),
    )

    job = repository.send(sent, GS1_Capture_Error_Behaviour=behaviour)

    assert not job["success"]
    assert [each["pointer"] for each in job["errors"]] == [
        "/epcisBody/eventList/0/eventID",
        "/epcisBody/eventList/2/eventID",
    ]
    kept = [told(1)] if behaviour == "rollback" else [told(1), told(3), told(5)]
    assert [plain(event) for event in repository.events()] == kept
    assert builders.broken(repository.who.app) == []


def test_what_cannot_be_written_down_keeps_an_event_out(repository: Repository):
    sent = least_document(told(1), told(2, **{"yj:grams": 2**60}))

    job = repository.send(sent, GS1_Capture_Error_Behaviour="proceed")

    assert (job["taken"], job["errors"][0]["pointer"]) == (1, "/epcisBody/eventList/1")
    assert [plain(event) for event in repository.events()] == [told(1)]


def test_what_others_define_has_the_standards_form_under_the_standards_names(repository: Repository):
    strange = told(2, type="yj:BlossomEvent", action=7, readPoint={"id": 3}, petals=[None, {"of": 5}])
    sent = document(told(1, type="yj:BlossomEvent", petals=5), strange)

    job = repository.send(sent, GS1_Capture_Error_Behaviour="proceed")

    assert (job["taken"], sorted(each["pointer"] for each in job["errors"])) == (
        1,
        ["/epcisBody/eventList/1/action", "/epcisBody/eventList/1/readPoint/id"],
    )
    alone = repository.who.post(f"{repository.url}/events", json={**strange, "@context": sent["@context"]})
    assert (alone.status_code, sorted(each["pointer"] for each in alone.json["errors"])) == (
        400,
        ["/action", "/readPoint/id"],
    )


@pytest.mark.parametrize(
    "body",
    [[], {}, "x", {"type": "EPCISDocument"}, {**least_document(), "epcisBody": {"eventList": {}}},
     {**least_document(), "epcisBody": None}, {**least_document(), "schemaVersion": 2}, least("ObjectEvent")],
)  # fmt: skip
def test_what_is_no_document_is_refused(repository: Repository, body: Any):
    refused = repository.send(body, status=400)

    assert refused["exception"] == "epcisException:ValidationException"
    assert repository.ask("/capture").json == []


def test_limits_and_behaviours_are_kept(repository: Repository, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(capturing, "CAPTURE_LIMIT", 2)

    refused = repository.send(least_document(told(1), told(2), told(3)), status=413)

    assert refused["exception"] == "epcisException:CaptureLimitExceededException"
    wrong = repository.send(least_document(told(1)), status=400, GS1_Capture_Error_Behaviour="maybe")
    assert wrong["errors"][0]["parameter"] == "GS1-Capture-Error-Behaviour"
    assert repository.events() == []


def test_jobs_can_be_read_again_and_listed_in_pages(repository: Repository):
    jobs = [repository.send(least_document(told(number))) for number in range(3)]

    assert repository.ask(f"/capture/{jobs[1]['captureID']}").json == jobs[1]
    first = repository.ask("/capture", perPage=2)
    assert first.json == jobs[:2]
    following = first.headers["Link"][1:].partition(">")[0]
    assert repository.who.call("GET", following).json == jobs[2:]
    repository.ask(f"/capture/{uuid.uuid4()}", status=404)


def test_a_prefix_that_means_two_things_keeps_its_meaning_in_each_event(repository: Repository):
    meanings = ("https://example.org/a/", "https://example.org/b/")
    for number, meaning in enumerate(meanings):
        sent = {**least_document(told(number, **{"x:crew": "早班"})), "@context": [{"x": meaning}]}
        assert repository.send(sent)["success"]

    answer = repository.ask().json

    first, second = answer["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    assert namespaces_of(answer["@context"], first.get("@context"))["x"] == meanings[0]
    assert namespaces_of(answer["@context"], second.get("@context"))["x"] == meanings[1]
    for number, meaning in enumerate(meanings):
        (found,) = repository.events(**{f"EQ_{meaning}crew": "早班"})
        assert plain(found) == told(number, **{"x:crew": "早班"})


def test_one_event_is_taken_in_and_found_by_its_address(repository: Repository):
    event = {
        **told(1),
        "@context": ["https://example.org/c", {"yj": "https://example.org/yijun/"}],
        "yj:crew": "早班",
    }

    created = repository.who.call("POST", f"{repository.url}/events", json=event)

    assert created.status_code == 201
    found = repository.who.call("GET", created.headers["Location"])
    assert found.status_code == 200
    (back,) = found.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    assert plain(back) == plain(event)
    assert found.json["@context"][1:] == event["@context"]
    again = repository.who.call("POST", f"{repository.url}/events", json=event)
    assert again.headers["Location"] == created.headers["Location"]
    assert len(repository.events()) == 1
    assert repository.who.call("POST", f"{repository.url}/events", json=told(1)).status_code == 400
    assert (
        repository.who.call("POST", f"{repository.url}/events", json=least_document(told(1))).status_code
        == 400
    )
    repository.ask("/events/" + quote("urn:a:b", safe=""), status=404)
    repository.ask("/events/nothing", status=404)


def queries() -> list[dict[str, str]]:
    return [
        {},
        {"eventType": "ObjectEvent|TransformationEvent"},
        {"eventType": "https://example.org/yijun/BlossomEvent"},
        {"EQ_action": "ADD"},
        {"EQ_bizStep": "packing"},
        {"EQ_bizStep": "https://example.org/waxing|packing"},
        {"EQ_disposition": "in_progress"},
        {"GE_eventTime": "2026-10-19T06:02:00Z", "LT_eventTime": "2026-10-19T06:04:00Z"},
        {"GE_recordTime": "2100-01-01T00:00:00Z"},
        {"LT_recordTime": "2100-01-01T00:00:00Z"},
        {"EQ_readPoint": "urn:epc:id:sgln:9521234.00100.R07"},
        {"WD_readPoint": "urn:epc:id:sgln:9521234.00100.0"},
        {"EQ_bizLocation": "urn:epc:id:sgln:9521234.00100.R07"},
        {"EQ_eventID": "urn:uuid:00000000-0000-0000-0000-000000000002"},
        {"EQ_transformationID": "urn:yijun:grading:417"},
        {"EQ_bizTransaction_po": "urn:yijun:order:77"},
        {"EQ_source_owning_party": "urn:epc:id:pgln:9521234.00200"},
        {"EQ_destination_location": "urn:epc:id:sgln:9521234.00100.R07"},
        {"MATCH_epc": BOX_URN},
        {"MATCH_epc": "https://id.gs1.org/01/09521234000013"},
        {"MATCH_epc": "urn:epc:idpat:sgtin:9521234.*.*"},
        {"MATCH_epc": "https://id.gs1.org/01/09521234000013/10/L1"},
        {"MATCH_epc": "https://id.gs1.org/01/09521234000013/10/L2/21/IN_A_LOT"},
        {"MATCH_epc": "https://id.gs1.org/01/09521234000013/21/IN_A_LOT"},
        {"MATCH_parentID": PALLET},
        {"MATCH_inputEPC": BOX},
        {"MATCH_outputEPC": BOX},
        {"MATCH_anyEPC": f"{BOX}|{PALLET}"},
        {"MATCH_epcClass": "urn:epc:idpat:sgtin:9521234.900001.*"},
        {"MATCH_anyEPCClass": "https://id.gs1.org/01/99521234000016/10/YJ26-0417-A3"},
        {"GE_quantity_KGM": "1250.5"},
        {"EQ_value_CEL": "-0.5"},
        {"EQ_https://example.org/yijun/crew": "早班"},
        {"EXISTS_ILMD_cbvmda:lotNumber": ""},
        {
            "EQ_type": "Temperature",
            "EQ_bizStep": "packing",
            "eventType": "ObjectEvent",
            "MATCH_anyEPC": BOX_URN,
        },
    ]


def test_the_doors_find_what_the_rules_find(repository: Repository):
    in_a_lot = "https://id.example.org/01/09521234000013/10/L1/21/IN_A_LOT"
    events = distinct([*(full(kind) for kind in KINDS), *(told(number) for number in range(1, 6))])
    events += [
        told(7, epcList=[in_a_lot]),
        told(8, bizStep="https://example.org/waxing"),
        told(9, type="yj:BlossomEvent"),
        told(10, bizStep="cbv:BizStep-packing"),
        told(11, type="epcis:ObjectEvent"),
    ]
    sent = document(*events)
    assert repository.send(sent)["success"]
    stored = repository.events()
    assert len(stored) == len(events)
    namespaces = namespaces_of(sent["@context"])
    for query in queries():
        wanted = [event["eventID"] for event in stored if matches(event, of_address(query), namespaces)]
        assert [event["eventID"] for event in repository.events(**query)] == wanted, query


@pytest.mark.parametrize(
    "query", [{"EQ_nothing": "x"}, {"GE_eventTime": "now"}, {"perPage": "0"}, {"nextPageToken": "x"}]
)
def test_a_query_that_is_none_is_refused_by_name(repository: Repository, query: dict[str, str]):
    refused = repository.ask(status=400, **query).json

    assert refused["exception"] == "epcisException:QueryParameterException"
    assert [each["parameter"] for each in refused["errors"]] == list(query)


def test_a_parameter_that_stands_twice_is_refused(repository: Repository):
    response = repository.who.call("GET", f"{repository.url}/events?EQ_action=ADD&EQ_action=DELETE")

    assert response.status_code == 400
    assert response.json["errors"][0]["parameter"] == "EQ_action"


def test_prefixes_come_from_the_header(repository: Repository):
    repository.send(document(told(1, **{"yj:crew": "早班"})))
    headers = {"GS1-Extensions": "mine=https://example.org/yijun/"}

    found = repository.who.call("GET", f"{repository.url}/events?EQ_mine:crew=早班", headers=headers)

    assert len(found.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"]) == 1


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({}, [3, 1, 2, 5, 4]),
        ({"orderBy": "eventTime"}, [5, 4, 3, 2, 1]),
        ({"orderBy": "eventTime", "orderDirection": "ASC"}, [1, 2, 3, 4, 5]),
        ({"orderBy": "recordTime", "orderDirection": "ASC"}, [3, 1, 2, 5, 4]),
        ({"orderBy": "recordTime"}, [4, 5, 2, 1, 3]),
        ({"orderBy": "https://example.org/yijun/rank", "orderDirection": "ASC"}, [5, 4, 3, 2, 1]),
        ({"orderBy": "https://example.org/yijun/rank"}, [1, 2, 3, 4, 5]),
        ({"orderBy": "eventTime", "eventCountLimit": 3}, [5, 4, 3]),
        ({"orderBy": "https://example.org/yijun/rank", "eventCountLimit": 3}, [1, 2, 3]),
        ({"maxEventCount": 5}, [3, 1, 2, 5, 4]),
    ],
)
@pytest.mark.parametrize("per_page", [1, 2, 5, 9])
def test_pages_follow_each_other_in_any_order(
    repository: Repository, order: Any, expected: list[int], per_page: int
):
    repository.send(document(*(told(number, **{"yj:rank": 9 - number}) for number in (3, 1, 2, 5, 4))))

    pages = repository.pages(**order, perPage=per_page)

    assert [9 - event["yj:rank"] for page in pages for event in page] == expected
    assert max(map(len, pages)) <= per_page
    assert builders.broken(repository.who.app) == []


def test_a_page_that_has_looked_at_many_ends_early_and_goes_on(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(finding, "LOOKED_AT_MAX", 2)
    monkeypatch.setattr(finding, "STEP", 1)
    repository.send(document(*(told(number, **{"yj:rank": number}) for number in range(1, 6))))

    pages = repository.pages(**{"EQ_https://example.org/yijun/rank": "5"})

    assert [len(page) for page in pages] == [0, 0, 1]


def test_too_many_are_refused(repository: Repository, monkeypatch: pytest.MonkeyPatch):
    repository.send(document(*(told(number) for number in range(1, 6))))

    assert (
        repository.ask(status=413, maxEventCount=4).json["exception"]
        == "epcisException:QueryTooLargeException"
    )
    monkeypatch.setattr(finding, "COUNTED_MAX", 3)
    repository.ask(status=413, orderBy="https://example.org/yijun/rank")


def test_a_token_belongs_to_its_question(repository: Repository):
    repository.send(document(*(told(number) for number in range(1, 6))))
    following = repository.ask(perPage=2).headers["Link"][1:].partition(">")[0]
    token = following.partition("nextPageToken=")[2]

    repository.ask(status=400, perPage=2, EQ_action="ADD", nextPageToken=token)
    repository.ask(status=400, perPage=3, nextPageToken=token)


def test_resources_lead_to_their_events(repository: Repository):
    repository.send(document(*distinct([full(kind) for kind in KINDS])))

    assert "events" in repository.ask("").json["member"]
    assert "ObjectEvent" in repository.ask("/eventTypes").json["member"]
    assert "shipping" in repository.ask("/bizSteps", perPage=500).json["member"]
    assert "in_transit" in repository.ask("/dispositions", perPage=500).json["member"]
    room = "https://id.gs1.org/414/9521234001003/254/R07"
    assert repository.ask("/readPoints").json["member"] == [room]
    assert repository.ask("/bizLocations").json["member"] == [room]
    assert "https://id.gs1.org/01/09521234000013/21/K7Q2M9XW4T" in repository.ask("/epcs").json["member"]
    assert repository.ask("/epcs/" + quote(BOX, safe="")).json["member"] == ["events"]
    assert len(repository.events("/eventTypes/ObjectEvent/events")) == 1
    assert len(repository.events("/bizSteps/packing/events", eventType="ObjectEvent")) == 1
    assert len(repository.events("/dispositions/in_progress/events")) == 5
    assert len(repository.events("/epcs/" + quote(BOX_URN, safe="") + "/events")) == 5
    assert len(repository.events("/epcs/" + quote(BOX, safe="") + "/events", eventType="ObjectEvent")) == 1
    assert len(repository.events("/readPoints/" + quote(room, safe="") + "/events")) == 5
    assert len(repository.events("/bizLocations/" + quote(room, safe="") + "/events")) == 5
    repository.ask("/bizSteps/flying/events", status=400)
    first = repository.ask("/epcs", perPage=1)
    second = repository.who.call("GET", first.headers["Link"][1:].partition(">")[0])
    assert first.json["member"] < second.json["member"]


def test_queries_are_kept_under_a_name(repository: Repository):
    repository.send(document(*distinct([full(kind) for kind in KINDS])))
    kept = {"name": "packed", "query": {"eventType": ["ObjectEvent"], "EQ_bizStep": ["packing"]}}

    created = repository.who.call("POST", f"{repository.url}/queries", json=kept)

    assert created.status_code == 201
    assert repository.who.call("GET", created.headers["Location"]).json == kept
    assert repository.ask("/queries").json == [kept]
    found = repository.ask("/queries/packed/events").json["epcisBody"]["queryResults"]
    assert found["queryName"] == "packed"
    assert [event["type"] for event in found["resultsBody"]["eventList"]] == ["ObjectEvent"]
    again = repository.who.call("POST", f"{repository.url}/queries", json=kept)
    assert (again.status_code, again.json["code"]) == (409, "resource_already_exists_exception")
    wrong = {"name": "wrong", "query": {"EQ_bizStep": ["flying"]}}
    refused = repository.who.call("POST", f"{repository.url}/queries", json=wrong)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (400, "/query/EQ_bizStep")
    assert repository.who.call("DELETE", f"{repository.url}/queries/packed").status_code == 204
    repository.ask("/queries/packed", status=404)
    repository.ask("/queries/packed/events", status=404)
    assert repository.who.call("DELETE", f"{repository.url}/queries/packed").status_code == 404


def test_a_countys_events_are_its_own(repository: Repository):
    other = Repository(repository.who, another_county("other"))
    repository.send(least_document(told(1)))

    assert other.events() == []
    assert other.events(MATCH_epc=told(1)["epcList"][0]) == []
    assert other.ask("/epcs").json["member"] == []
    nowhere = Repository(repository.who, uuid.uuid4())
    nowhere.ask(status=404)
    nowhere.send(least_document(told(1)), status=404)


def test_answers_say_their_version_and_speak_ld_json(repository: Repository):
    response = repository.who.call(
        "GET", f"{repository.url}/events", headers={"Accept": "application/ld+json"}
    )

    assert response.mimetype == "application/ld+json"
    assert response.headers["GS1-EPCIS-Version"] == "2.0.0"
    assert repository.ask().mimetype == "application/json"
    sent = json.dumps(least_document(told(1)))
    taken = repository.who.call(
        "POST", f"{repository.url}/capture", data=sent, content_type="application/ld+json"
    )
    assert taken.status_code == 202
    assert taken.headers["Location"].endswith(taken.json["captureID"])


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("", {"GET"}), ("/capture", {"GET", "POST"}), ("/events", {"GET", "POST"}), ("/events/urn:a:b", {"GET"}),
     ("/epcs", {"GET"}), ("/bizSteps/shipping/events", {"GET"}), ("/queries/a", {"GET", "DELETE"})],
)  # fmt: skip
def test_what_there_is_can_be_discovered(repository: Repository, path: str, allowed: set[str]):
    response = repository.who.call("OPTIONS", repository.url + path)

    assert response.status_code == 204
    assert set(response.headers["Allow"].split(", ")) == allowed | {"OPTIONS"}
    assert response.headers["GS1-EPCIS-Version"] == response.headers["GS1-CBV-Version"] == "2.0.0"
    assert ("GS1-EPCIS-Capture-Limit" in response.headers) == (path == "/capture")


def test_names_that_no_text_holds_are_nobodys(repository: Repository):
    repository.ask("/queries/%00", status=404)
    repository.ask("/queries/%00/events", status=404)
    repository.ask("/events/%00", status=404)
    repository.ask("/events/a%20b", status=404)
    repository.ask("/epcs/a%00/events", status=400)
    job = repository.send(least_document({**told(1), "\x00": "\x00"}))
    assert (job["success"], len(job["errors"])) == (False, 1)
    assert repository.ask(f"/capture/{job['captureID']}").json == job
    kept = {"name": "odd", "query": {"EQ_yj:crew": ["\x00"]}}
    assert repository.who.call("POST", f"{repository.url}/queries", json=kept).status_code == 201
    assert repository.ask("/queries/odd").json == kept
    assert repository.events("/queries/odd/events") == []
