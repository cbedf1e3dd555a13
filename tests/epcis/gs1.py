"""GS1's own JSON schema of EPCIS 2.0 and its examples, where they lie beside the project; they are not part of it."""

import json
import os
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from marketplace.settings import PROJECT_ROOT
from tests.epcis.documents import Json

VARIABLE: Final = "EPCIS_SCHEMA"
USUAL: Final = PROJECT_ROOT.parent / "shared" / "data" / "epcis"
NAME: Final = "EPCIS-JSON-Schema.json"


def folder() -> Path:
    """Where the schema should lie: as EPCIS_SCHEMA says, or at its usual place beside the project."""
    return Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else USUAL


def schema_in(place: Path) -> Json | None:
    """The schema in the folder, or the file that is named itself; None when there is none."""
    path = place if place.is_file() else place / NAME
    return json.loads(path.read_text()) if path.is_file() else None


def examples_in(place: Path) -> dict[str, Any]:
    """The published documents in the folder, by name."""
    found = (place.parent if place.is_file() else place) / "examples"
    return {path.name: json.loads(path.read_text()) for path in sorted(found.glob("*.json*"))}


def validator_of(schema: Json) -> jsonschema_rs.Validator:
    """What decides by the schema; formats (URIs, moments) are asked for as their RFCs have them."""
    return jsonschema_rs.Draft7Validator(schema, validate_formats=True)
