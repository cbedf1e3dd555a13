"""Events as loggers and scanners send them, each another one. Pure."""

import json
from collections.abc import Iterator
from typing import Any, Final

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
GTIN: Final = "09521234000013"


def event(label: str, number: int) -> dict[str, Any]:
    """A box is scanned in a cold store."""
    minutes, milliseconds = divmod(number, 60_000)
    return {
        "type": "ObjectEvent",
        "eventTime": f"2026-11-27T{minutes // 60 % 24:02}:{minutes % 60:02}:{milliseconds // 1_000:02}."
        f"{milliseconds % 1_000:03}Z",
        "eventTimeZoneOffset": "+08:00",
        "action": "OBSERVE",
        "bizStep": "storing",
        "disposition": "sellable_not_accessible",
        "readPoint": {"id": "https://id.gs1.org/414/9521234001003"},
        "bizLocation": {"id": "https://id.gs1.org/414/9521234001003/254/R07"},
        "epcList": [f"https://id.gs1.org/01/{GTIN}/21/{label}{number:09}"],
    }


def lines(label: str, documents: int, events: int) -> Iterator[str]:
    """Documents, one a line."""
    for each in range(documents):
        told = [event(label, each * events + number) for number in range(events)]
        document = {
            "@context": [CONTEXT],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-11-27T00:00:00Z",
            "epcisBody": {"eventList": told},
        }
        yield json.dumps(document) + "\n"
