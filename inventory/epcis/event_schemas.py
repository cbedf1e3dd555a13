"""marshmallow schemas of the five events of EPCIS 2.0, and of events that others define.

Each accepts and refuses what GS1's JSON schema does (`make conformance` compares them).
"""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, ValidationError, validates_schema

from inventory.epcis import fields, parts, vocabulary
from inventory.epcis.fields import Context, Listed, Name, Offset, Part, Timestamp, Uri, Word

EMPTY_EVENT: Final = "Say which objects the event is about. 须说明事件涉及的对象。"
ILMD_WITHOUT_ADD: Final = "Only events that ADD objects carry master data. 仅 ADD 事件可带主数据。"


def _uris(*, unique: bool = False, **options: Any) -> Listed:
    return Listed(Uri(), unique=unique, **options)


def _quantities() -> Listed:
    return Listed(Part(parts.QuantityElement()))


class Event(parts.Open):
    """What every event says: when it happened, and in which offset of UTC."""

    context = Context(data_key="@context")
    type: fields.Kept = Uri(required=True)
    eventTime = Timestamp(required=True)
    eventTimeZoneOffset = Offset(required=True)
    recordTime = Timestamp()
    eventID = Uri()
    certificationInfo = fields.Certification()
    errorDeclaration = Part(parts.ErrorDeclaration())


class _Shared(parts.Open):
    """The step, the state, places, papers, parties and sensors."""

    bizStep = Word(vocabulary.BIZ_STEPS, vocabulary.OF_CBV)
    disposition = Word(vocabulary.DISPOSITIONS, vocabulary.OF_CBV)
    readPoint = Part(parts.Place())
    bizLocation = Part(parts.Place())
    bizTransactionList = Listed(Part(parts.BizTransaction()))
    sourceList = Listed(Part(parts.Source()))
    destinationList = Listed(Part(parts.Destination()))
    sensorElementList = Listed(Part(parts.SensorElement()))


class Known(Event, _Shared, parts.Extensible):
    """What the five events share."""


class ObjectEvent(Known):
    """Something happened to objects, or sensors reported from a place."""

    type = Name(frozenset({"ObjectEvent"}), required=True)
    action = Name(vocabulary.ACTIONS, required=True)
    epcList = _uris(unique=True)
    quantityList = _quantities()
    persistentDisposition = Part(parts.PersistentDisposition())
    ilmd = Part(parts.Ilmd())

    @validates_schema(pass_original=True)
    def _is_about_something(self, data: Any, original: Mapping[str, Any], **kwargs: Any) -> None:
        senses = original.get("sensorElementList") and "readPoint" in original
        if not ("epcList" in original or original.get("quantityList") or senses):
            raise ValidationError(EMPTY_EVENT)
        if "ilmd" in original and original["action"] != "ADD":
            raise ValidationError(ILMD_WITHOUT_ADD, "ilmd")


class _Contained(Known):
    action = Name(vocabulary.ACTIONS, required=True)
    parentID = Uri()
    childEPCs = _uris()
    childQuantityList = _quantities()

    @validates_schema(pass_original=True)
    def _is_about_something(self, data: Any, original: Mapping[str, Any], **kwargs: Any) -> None:
        children = original.get("childEPCs") or original.get("childQuantityList")
        if not children and original["action"] != "DELETE":
            raise ValidationError(EMPTY_EVENT)


class AggregationEvent(_Contained):
    """Objects were put into a container or taken out of it."""

    type = Name(frozenset({"AggregationEvent"}), required=True)


class AssociationEvent(_Contained):
    """Objects were fixed to another object or a place, or taken off it."""

    type = Name(frozenset({"AssociationEvent"}), required=True)
    parentID = Uri(required=True)


class TransactionEvent(Known):
    """Objects came to belong to papers of business, or no longer do."""

    type = Name(frozenset({"TransactionEvent"}), required=True)
    action = Name(vocabulary.ACTIONS, required=True)
    bizTransactionList = Listed(Part(parts.BizTransaction()), filled=True, required=True)
    parentID = Uri()
    epcList = _uris()
    quantityList = _quantities()

    @validates_schema(pass_original=True)
    def _is_about_something(self, data: Any, original: Mapping[str, Any], **kwargs: Any) -> None:
        if "epcList" not in original and not original.get("quantityList") and original["action"] != "DELETE":
            raise ValidationError(EMPTY_EVENT)


class TransformationEvent(Known):
    """Objects went in and others came out; a shared `transformationID` joins events that tell one part each."""

    type = Name(frozenset({"TransformationEvent"}), required=True)
    transformationID = Uri()
    inputEPCList = _uris(unique=True)
    inputQuantityList = _quantities()
    outputEPCList = _uris(unique=True)
    outputQuantityList = _quantities()
    persistentDisposition = Part(parts.PersistentDisposition())
    ilmd = Part(parts.Ilmd())

    @validates_schema(pass_original=True)
    def _is_about_something(self, data: Any, original: Mapping[str, Any], **kwargs: Any) -> None:
        inputs = original.get("inputEPCList") or original.get("inputQuantityList")
        outputs = original.get("outputEPCList") or original.get("outputQuantityList")
        if "transformationID" in original and not (inputs or outputs):
            raise ValidationError(EMPTY_EVENT)
        if "transformationID" not in original and not (inputs and outputs):
            raise ValidationError("Say what went in and what came out. 须说明投入与产出。")


class OfOthers(Event, _Shared):
    """An event of a type that others define, of which all that bears a name of the standard has its form.

    GS1's schema lets any form of it pass; what is to be hashed, found and told again by the standard's rules cannot.
    """

    action = Name(vocabulary.ACTIONS)
    parentID = Uri()
    transformationID = Uri()
    epcList = _uris()
    childEPCs = _uris()
    inputEPCList = _uris()
    outputEPCList = _uris()
    quantityList = _quantities()
    childQuantityList = _quantities()
    inputQuantityList = _quantities()
    outputQuantityList = _quantities()
    persistentDisposition = Part(parts.PersistentDisposition())
    ilmd = Part(parts.Ilmd())


EVENT_TYPES: Final[Mapping[str, Known]] = {
    "ObjectEvent": ObjectEvent(),
    "AggregationEvent": AggregationEvent(),
    "AssociationEvent": AssociationEvent(),
    "TransactionEvent": TransactionEvent(),
    "TransformationEvent": TransformationEvent(),
}
OTHER_EVENT: Final[Schema] = Event()
"""An event of a type that somebody else defines: its type is a URI, its other members are free."""
_OF_OTHERS: Final = OfOthers()
_NARROWED_MAX: Final = 256
_narrowed: Final[dict[tuple[str, frozenset[str]], Schema]] = {}


def schema_of_event(event: Mapping[str, Any]) -> Schema:
    """The schema that an event's type asks for."""
    kind = event.get("type")
    whole = EVENT_TYPES.get(kind) if isinstance(kind, str) else None
    return OTHER_EVENT if whole is None else _of_members(whole, event)


def faults_of_others(event: Mapping[str, Any]) -> dict[str, Any]:
    """What of a right event, which is of a type that others define, has not the form of its name in the standard."""
    return {} if event["type"] in EVENT_TYPES else _OF_OTHERS.validate(event)


def _of_members(whole: Known, event: Mapping[str, Any]) -> Schema:
    """The schema without the members that the event has not and need not have: it says the same in less time.

    Most events are of a few forms; when so many were met, others are looked at with the whole schema.
    """
    form = type(whole).__name__, whole.names.intersection(event)
    found = _narrowed.get(form)
    if found is None:
        if len(_narrowed) >= _NARROWED_MAX:
            return whole
        found = _narrowed[form] = type(whole)(
            only=[
                name
                for name, field in whole.fields.items()
                if field.required or (field.data_key or name) in form[1]
            ]
        )
    return found


class AnyEvent(fields.Kept):
    """An event of any type."""

    def check(self, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise ValidationError(fields.NOT_AN_OBJECT)
        schema_of_event(value).load(value)
