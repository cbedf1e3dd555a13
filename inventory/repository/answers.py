"""What the repository answers: documents of EPCIS with their contexts, and the header fields of the standard."""

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, after_this_request, request

from inventory.epcis.event_hash import namespaces_of
from inventory.repository.capturing import CAPTURE_LIMIT
from inventory.repository.finding import Told
from inventory.traces.entries import STANDARD_CONTEXT
from marketplace.door import BODY_BYTES_MAX
from marketplace.values import instant_text

LD_JSON: Final = "application/ld+json"
JSON: Final = "application/json"
VERSIONS: Final = {"GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0"}
DISCOVERY: Final = {
    **VERSIONS,
    "GS1-EPCIS-Min": "2.0.0",
    "GS1-EPCIS-Max": "2.0.0",
    "GS1-CBV-Min": "2.0.0",
    "GS1-CBV-Max": "2.0.0",
    "GS1-EPC-Format": "Never_Translates",
    "GS1-CBV-XML-Format": "Never_Translates",
    "GS1-Vendor-Version": "1",
}
LIMITS: Final = {
    "GS1-EPCIS-Capture-Limit": str(CAPTURE_LIMIT),
    "GS1-EPCIS-Capture-File-Size-Limit": str(BODY_BYTES_MAX),
    "GS1-Capture-Error-Behaviour": "rollback",
}


def tell(headers: Mapping[str, str]) -> None:
    """Add header fields to the answer of this request."""

    @after_this_request
    def add(response: Response) -> Response:
        response.headers.update(headers)
        return response


def tell_next(token: str, until: datetime) -> None:
    """Say where the next page is, and until when it can be asked for."""
    arguments = {**request.args.to_dict(), "nextPageToken": token}
    tell(
        {
            "Link": f'<{request.path}?{urlencode(arguments)}>; rel="next"',
            "GS1-Next-Page-Token-Expires": instant_text(until),
        }
    )


def document(
    events: Iterable[Told],
    now: datetime,
    *,
    query_name: str = "SimpleEventQuery",
    subscription_id: uuid.UUID | None = None,
) -> dict[str, Any]:
    """An EPCISQueryDocument with these events, each saying what it said when it was told."""
    contexts: list[Any] = []
    prefixes: dict[str, str] = {}
    told = []
    for each in events:
        own = namespaces_of(each.contexts)
        if any(prefixes.get(prefix, namespace) != namespace for prefix, namespace in own.items()):
            told.append({"@context": [STANDARD_CONTEXT, *each.contexts], **each.event})
            continue
        prefixes |= own
        contexts += [context for context in each.contexts if context not in contexts]
        told.append(each.event)
    return {
        "@context": [STANDARD_CONTEXT, *contexts],
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": instant_text(now),
        "epcisBody": {
            "queryResults": {
                "queryName": query_name,
                **({"subscriptionID": str(subscription_id)} if subscription_id else {}),
                "resultsBody": {"eventList": told},
            }
        },
    }


def discovered(methods: Iterable[str], limits: Mapping[str, str]) -> Response:
    """What may be done at an address, in which versions and forms."""
    response = Response(status=204)
    response.headers["Allow"] = ", ".join(("OPTIONS", *methods))
    response.headers.update({**DISCOVERY, **limits})
    return response


def collection(members: Iterable[str]) -> dict[str, Any]:
    """A list of names, as the standard lists resources."""
    return {"@context": STANDARD_CONTEXT, "type": "Collection", "member": list(members)}


def given(body: dict[str, Any]) -> Response:
    """The answer in the media type that is asked for, JSON unless JSON-LD is liked better."""
    liked = request.accept_mimetypes.best_match([JSON, LD_JSON], default=JSON)
    response = Response(json.dumps(body, ensure_ascii=False), mimetype=liked)
    response.headers.update(VERSIONS)
    return response
