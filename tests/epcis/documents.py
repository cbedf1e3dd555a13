"""Documents of our own: apples on their way from an orchard to a shopper, in every shape that EPCIS 2.0 has."""

from copy import deepcopy
from typing import Any, Final

Json = dict[str, Any]

CONTEXT: Final = ["https://example.org/epcis-context.jsonld", {"yj": "https://example.org/yijun/"}]
BOX: Final = "https://id.example.org/01/09521234000013/21/K7Q2M9XW4T"
OTHER_BOX: Final = "urn:epc:id:sgtin:9521234.000001.K7Q2M9XW4U"
PALLET: Final = "urn:epc:id:sscc:9521234.0000000001"
FIELD_LOT: Final = "https://id.example.org/01/99521234000016/10/YJ26-0417-A3"
ROOM: Final = "https://id.example.org/414/9521234001003/254/R07"
COOPERATIVE: Final = "https://id.example.org/417/9521234002000"
LOGGER: Final = "urn:epc:id:giai:9521234.LOG-7"
EVENT_ID: Final = "ni:///sha-256;" + "0f" * 32 + "?ver=CBV2.0"
OWN: Final = {"yj:crew": ["早班", 4, None, {"yj:lead": True, "plain": 0.5}]}
"""A member in a namespace of our own, whose value is nobody else's matter."""

KG: Final[Json] = {"epcClass": FIELD_LOT, "quantity": 1250.5, "uom": "KGM"}
UNCOUNTED: Final[Json] = {"epcClass": "urn:epc:idpat:sgtin:9521234.000001.*"}

REPORT: Final[Json] = {
    "type": "Temperature",
    "exception": "ALARM_CONDITION",
    "component": "height",
    "time": "2026-10-19T06:10:00.5+08:00",
    "deviceID": LOGGER,
    "deviceMetadata": "https://id.example.org/8004/9521234LOG-7",
    "rawData": "https://data.example.org/7.csv",
    "dataProcessingMethod": "https://id.example.org/253/9521234000020A1",
    "bizRules": "https://id.example.org/253/9521234000020B1",
    "microorganism": "https://example.org/taxonomy/5507",
    "chemicalSubstance": "https://example.org/substance/ethylene",
    "coordinateReferenceSystem": "https://example.org/crs/4326",
    "value": -0.5,
    "minValue": -1,
    "maxValue": 1.5e0,
    "meanValue": 0,
    "sDev": 0.125,
    "percRank": 95,
    "percValue": 1.25,
    "uom": "CEL",
    "stringValue": "",
    "booleanValue": False,
    "hexBinaryValue": "0fA9",
    "uriValue": "https://example.org/alarm",
    **OWN,
}
SENSOR: Final[Json] = {
    "sensorMetadata": {
        "time": "2026-10-19T06:15:00Z",
        "startTime": "2026-10-19T05:15:00Z",
        "endTime": "2026-10-19T06:15:00Z",
        "deviceID": LOGGER,
        "deviceMetadata": "https://id.example.org/8004/9521234LOG-7",
        "rawData": "https://data.example.org/7.csv",
        "dataProcessingMethod": "https://id.example.org/253/9521234000020A1",
        "bizRules": "https://id.example.org/253/9521234000020B1",
        **OWN,
    },
    "sensorReport": [REPORT, {"type": "https://example.org/firmness", "uom": "newton"}],
    **OWN,
}

OF_EVERY_EVENT: Final[Json] = {
    "@context": CONTEXT,
    "recordTime": "2026-10-19T14:30:00+08:00",
    "eventID": EVENT_ID,
    "certificationInfo": ["https://example.org/certificate/1", "https://example.org/certificate/2"],
    "errorDeclaration": {
        "declarationTime": "2026-10-20T08:00:00.000+08:00",
        "reason": "incorrect_data",
        "correctiveEventIDs": [EVENT_ID, "urn:uuid:0199f5a0-1111-7222-8333-444455556666"],
        **OWN,
    },
    **OWN,
}
OF_THE_FIVE: Final[Json] = {
    "bizStep": "packing",
    "disposition": "in_progress",
    "readPoint": {"id": ROOM, "floor": 2},
    "bizLocation": {"id": ROOM},
    "bizTransactionList": [{"type": "po", "bizTransaction": "urn:yijun:order:77"}, {"bizTransaction": "a:b"}],
    "sourceList": [
        {"type": "owning_party", "source": COOPERATIVE},
        {"type": "https://example.org/via", "source": ROOM},
    ],
    "destinationList": [{"type": "location", "destination": ROOM}],
    "sensorElementList": [SENSOR],
}
PERSISTENT: Final[Json] = {"set": ["conformant", "https://example.org/gi-mark"], "unset": ["non_conformant"]}
ILMD: Final[Json] = {"cbvmda:lotNumber": "YJ26-0417-A3", "https://example.org/plot": {"mu": 12.5}, **OWN}
CHILDREN: Final[Json] = {"childEPCs": [BOX, BOX], "childQuantityList": [KG, UNCOUNTED]}

OPTIONAL: Final[dict[str, Json]] = {
    "ObjectEvent": {
        "epcList": [BOX, OTHER_BOX],
        "quantityList": [KG, UNCOUNTED],
        "persistentDisposition": PERSISTENT,
        "ilmd": ILMD,
    },
    "AggregationEvent": {"parentID": PALLET, **CHILDREN},
    "AssociationEvent": {**CHILDREN},
    "TransactionEvent": {"parentID": PALLET, "epcList": [BOX, BOX], "quantityList": [KG]},
    "TransformationEvent": {
        "transformationID": "urn:yijun:grading:417",
        "inputEPCList": [BOX],
        "inputQuantityList": [KG],
        "outputEPCList": [OTHER_BOX],
        "outputQuantityList": [UNCOUNTED],
        "persistentDisposition": PERSISTENT,
        "ilmd": ILMD,
    },
}
"""The members that one type has beside those of all, each with a value that uses all it can hold."""

LEAST: Final[dict[str, Json]] = {
    "ObjectEvent": {"action": "ADD", "epcList": [BOX]},
    "AggregationEvent": {"action": "ADD", "childEPCs": [BOX]},
    "AssociationEvent": {"action": "ADD", "parentID": PALLET, "childEPCs": [LOGGER]},
    "TransactionEvent": {
        "action": "ADD",
        "bizTransactionList": [{"bizTransaction": "urn:yijun:order:77"}],
        "epcList": [BOX],
    },
    "TransformationEvent": {"inputQuantityList": [KG], "outputEPCList": [BOX]},
}
"""What an event of each type must say to be one."""

KINDS: Final = tuple(LEAST)


def least(kind: str) -> Json:
    """An event with nothing that it could do without."""
    return deepcopy(
        {
            "type": kind,
            "eventTime": "2026-10-19T14:15:00+08:00",
            "eventTimeZoneOffset": "+08:00",
            **LEAST[kind],
        }
    )


def optional(kind: str) -> Json:
    """All members that an event of this type may have beyond the least."""
    return {**OF_EVERY_EVENT, **OF_THE_FIVE, **OPTIONAL[kind]}


def full(kind: str) -> Json:
    """An event with every member that its type knows."""
    return deepcopy({**least(kind), **optional(kind)})


def other_event() -> Json:
    """An event of a type of our own: only what all events share is anybody else's matter."""
    return deepcopy(
        {**least("ObjectEvent"), **OF_EVERY_EVENT, "type": "yj:BlossomEvent", "epcList": 7, "petals": 5}
    )


def document(*events: Json) -> Json:
    """A document with these events and all that may stand around them."""
    return {
        "@context": deepcopy(CONTEXT),
        "id": "https://id.example.org/document/7",
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-10-19T15:00:00.125+08:00",
        "instanceIdentifier": "7",
        "sender": "宜君",
        "receiver": "",
        "epcisHeader": {
            "epcisMasterData": {
                "vocabularyList": [
                    {
                        "type": "urn:epcglobal:epcis:vtype:Location",
                        "vocabularyElementList": [
                            {
                                "id": ROOM,
                                "attributes": [
                                    {"id": "cbvmda:name", "attribute": "七号库"},
                                    {"id": "yj:tonnes", "attribute": 320},
                                    {"id": "yj:wall", "attribute": {"yj:mm": 150}},
                                    {"id": "yj:nothing"},
                                ],
                                "children": [f"{ROOM}.1"],
                            }
                        ],
                    }
                ]
            },
            **deepcopy(OWN),
        },
        "epcisBody": {"eventList": list(events), "note": "anything"},
        **deepcopy(OWN),
    }


def least_document(*events: Json) -> Json:
    """A document with these events and nothing that it could do without."""
    return {
        "@context": CONTEXT[0],
        "type": "EPCISDocument",
        "schemaVersion": "2",
        "creationDate": "2026-10-19T07:00:00Z",
        "epcisBody": {"eventList": list(events)},
    }


def query_document(*events: Json) -> Json:
    """An answer to a query that found these events, with all that may stand around them."""
    header = document()["epcisHeader"]["epcisMasterData"]
    return {
        "@context": {"yj": "https://example.org/yijun/"},
        "id": "https://id.example.org/answer/7",
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0.1",
        "creationDate": "2026-10-19T15:00:00.125+08:00",
        "epcisBody": {
            "queryResults": {
                "queryName": "SimpleEventQuery",
                "subscriptionID": "seven",
                "resultsBody": {"eventList": list(events), **header, **deepcopy(OWN)},
                **deepcopy(OWN),
            },
            **deepcopy(OWN),
        },
        **deepcopy(OWN),
    }


def least_query_document(*events: Json) -> Json:
    """An answer with nothing that it could do without."""
    results = {"queryName": "", "resultsBody": {"eventList": list(events)}}
    return {"@context": {}, "type": "EPCISQueryDocument", "epcisBody": {"queryResults": results}}


def _without(event: Json, *names: str) -> Json:
    return {name: value for name, value in event.items() if name not in names}


def _odd_but_right() -> dict[str, Json]:
    """What a stricter reader would refuse, and the schema lets pass."""
    sensing = {
        **_without(least("ObjectEvent"), "epcList"),
        "readPoint": {"id": ROOM},
        "sensorElementList": [SENSOR],
    }
    grading = _without(least("TransformationEvent"), "outputEPCList")
    return {
        "ObjectEvent of no objects": {**least("ObjectEvent"), "epcList": []},
        "ObjectEvent of sensors and a place": sensing,
        "ObjectEvent of quantities": {**_without(least("ObjectEvent"), "epcList"), "quantityList": [KG]},
        "AggregationEvent that takes all out": {
            **_without(least("AggregationEvent"), "childEPCs"),
            "action": "DELETE",
            "parentID": PALLET,
        },
        "AssociationEvent that takes all off": {
            **_without(least("AssociationEvent"), "childEPCs"),
            "action": "DELETE",
        },
        "TransactionEvent of no objects": {**least("TransactionEvent"), "epcList": []},
        "TransactionEvent that ends": {**_without(least("TransactionEvent"), "epcList"), "action": "DELETE"},
        "TransformationEvent of inputs alone": {**grading, "transformationID": "urn:yijun:grading:417"},
        "a negative quantity": {**least("ObjectEvent"), "quantityList": [{**KG, "quantity": -1}]},
        "one certificate": {**least("ObjectEvent"), "certificationInfo": "https://example.org/certificate/1"},
        "no certificates": {**least("ObjectEvent"), "certificationInfo": []},
        "a leap second": {**least("ObjectEvent"), "eventTime": "2016-12-31T23:59:60Z"},
        "small letters in a time": {**least("ObjectEvent"), "eventTime": "2026-10-19t06:15:00.000000000001z"},
        "the end of the offsets": {**least("ObjectEvent"), "eventTimeZoneOffset": "-14:00"},
        "a step of somebody else": {
            **least("ObjectEvent"),
            "bizStep": "https://ref.gs1.org/cbv/BizStep-packing",
        },
        "no persons' names": {**least("ObjectEvent"), "sourceList": [], "destinationList": []},
    }


def right() -> dict[str, Json]:
    """Documents that are right, by what they show."""
    found: dict[str, Json] = {}
    for kind in KINDS:
        found[f"least {kind}"] = least_document(least(kind))
        found[f"full {kind}"] = least_document(full(kind))
        found[f"{kind} alone"] = {**least(kind), "@context": CONTEXT[0]}
        for name, value in optional(kind).items():
            found[f"{kind} with {name}"] = least_document({**least(kind), name: deepcopy(value)})
    found |= {name: least_document(event) for name, event in _odd_but_right().items()}
    found["an event of our own"] = document(other_event())
    found["an event of our own alone"] = other_event()
    found["a document without events"] = document()
    found["the least document"] = least_document(least("ObjectEvent"))
    found["a document of all"] = document(*(full(kind) for kind in KINDS), other_event())
    found["an answer of all"] = query_document(*(full(kind) for kind in KINDS), other_event())
    found["the least answer"] = least_query_document()
    return found
