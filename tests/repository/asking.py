"""Queries out of what events say: everything that can be asked with an event's own members."""

from typing import Any, Final

from inventory.epcis.uris import is_uri
from inventory.repository.query_rules import of_document
from marketplace import errors
from tests.epcis.documents import Json

LATER: Final = "9999-12-31T23:59:59Z"
_LISTS: Final = {
    "bizTransaction": "bizTransactionList",
    "source": "sourceList",
    "destination": "destinationList",
}
_OBJECTS: Final = {
    "epcList": "MATCH_epc",
    "childEPCs": "MATCH_epc",
    "inputEPCList": "MATCH_inputEPC",
    "outputEPCList": "MATCH_outputEPC",
}
_AMOUNTS: Final = {
    "quantityList": "MATCH_epcClass",
    "childQuantityList": "MATCH_epcClass",
    "inputQuantityList": "MATCH_inputEPCClass",
    "outputQuantityList": "MATCH_outputEPCClass",
}
_OF_REPORTS: Final = ("stringValue", "booleanValue", "hexBinaryValue", "uriValue", "microorganism")


def own_query(event: Json) -> Json:
    """Everything that can be asked with what the event says itself, as the JSON of a named query."""
    return {
        "eventType": [event["type"]],
        "GE_eventTime": event["eventTime"],
        "LT_eventTime": LATER,
        **_of_words(event),
        **_of_places(event),
        **_of_objects(event),
        **_of_amounts(event),
        **_of_papers(event),
        **_of_sensors(event),
        **_of_error(event),
        **_of_members(event),
        **_of_members(event.get("ilmd", {}), "ILMD_"),
        **_of_members(event.get("errorDeclaration", {}), "ERROR_DECLARATION_"),
        **_of_members(event.get("readPoint", {}), "readPoint_"),
    }


def askable(query: Json) -> Json:
    """Without moments outside of the calendar, which no query can name, and patterns that are none."""
    kept = {}
    for name, value in query.items():
        try:
            of_document({name: value})
        except errors.Invalid:
            continue
        kept[name] = value
    return kept


def _of_words(event: Json) -> Json:
    single = ("action", "bizStep", "disposition", "transformationID", "eventID")
    lasting = event.get("persistentDisposition", {})
    return {
        **{f"EQ_{name}": [event[name]] for name in single if name in event},
        **{f"EQ_persistentDisposition_{name}": words[-1:] for name, words in lasting.items()},
        **({"GE_recordTime": event["recordTime"]} if "recordTime" in event else {}),
    }


def _of_places(event: Json) -> Json:
    return {
        f"{sign}_{name}": event[name]["id"]
        for name in ("readPoint", "bizLocation")
        for sign in ("EQ", "WD")
        if name in event
    }


def _of_objects(event: Json) -> Json:
    found: Json = {"MATCH_parentID": event["parentID"]} if "parentID" in event else {}
    for field, name in _OBJECTS.items():
        if event.get(field):
            found |= {name: event[field][-1:], "MATCH_anyEPC": event[field][:1]}
    return found


def _of_amounts(event: Json) -> Json:
    found: Json = {}
    for field, name in _AMOUNTS.items():
        for element in event.get(field, ()):
            found |= {name: element["epcClass"], "MATCH_anyEPCClass": element["epcClass"]}
            if "quantity" in element:
                unit = f"_{element['uom']}" if "uom" in element else ""
                found |= {f"{sign}_quantity{unit}": element["quantity"] for sign in ("EQ", "GE", "LE")}
    return found


def _of_papers(event: Json) -> Json:
    return {
        f"EQ_{family}_{entry['type']}": entry[family]
        for family, field in _LISTS.items()
        for entry in event.get(field, ())
        if "type" in entry and is_uri(entry[family])
    }


def _of_sensors(event: Json) -> Json:
    found: Json = {}
    for element in event.get("sensorElementList", ()):
        found["EXISTS_sensorElementList"] = None
        metadata = element.get("sensorMetadata", {})
        found |= {
            f"GE_{name}": metadata[name] for name in ("time", "startTime", "endTime") if name in metadata
        }
        found |= {f"EQ_{name}": metadata[name] for name in ("deviceID", "bizRules") if name in metadata}
        for report in element["sensorReport"]:
            found["EQ_type"] = [report["type"]]
            if "value" in report:
                found[f"EQ_value_{report['uom']}" if report.get("uom") else "EQ_value"] = report["value"]
            found |= {
                f"EQ_{name}": report[name] for name in _OF_REPORTS if report.get(name) not in (None, "")
            }
    return found


def _of_error(event: Json) -> Json:
    declared = event.get("errorDeclaration")
    if declared is None:
        return {}
    return {
        "EXISTS_errorDeclaration": True,
        "GE_errorDeclarationTime": declared["declarationTime"],
        **({"EQ_errorReason": declared["reason"]} if "reason" in declared else {}),
    }


def _of_members(owner: Json, prefix: str = "") -> Json:
    """Members of others at the first level."""
    found: Json = {}
    for name, value in owner.items():
        if ":" in name and not isinstance(value, list) and value not in (None, "", {}):
            found[f"EXISTS_{prefix}{name}"] = None
            found |= _of_value(f"{prefix}{name}", value)
    return found


def _of_value(name: str, value: Any) -> Json:
    if isinstance(value, bool | str):
        return {f"EQ_{name}": value}
    if isinstance(value, int):
        return {f"EQ_{name}": value, f"GE_{name}": value, f"LT_{name}": value + 1}
    return {}
