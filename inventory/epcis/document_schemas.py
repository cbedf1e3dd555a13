"""marshmallow schemas of what carries events: documents, answers to queries, master data."""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, ValidationError

from inventory.epcis import fields, parts
from inventory.epcis.event_schemas import AnyEvent, schema_of_event
from inventory.epcis.fields import Context, Either, Kept, Listed, Name, Part, Plain, Timestamp, Uri, is_number

NOT_A_VALUE: Final = "Must be a text, a number or an object. 须为文本、数字或对象。"


class Attribute(parts.Open):
    """One fact about a word of master data."""

    id = Uri(required=True)
    attribute = Either(
        is_number,
        lambda value: isinstance(value, str | Mapping),
        told=NOT_A_VALUE,
    )


class VocabularyElement(parts.Open):
    """A word of master data: a place, a class, a party."""

    id = Uri(required=True)
    attributes = Listed(Part(Attribute()))
    children = Listed(Uri())


class Vocabulary(parts.Open):
    """Words of one kind."""

    type = Uri(required=True)
    vocabularyElementList = Listed(Part(VocabularyElement()))


class MasterData(parts.Open):
    """Words that the events of a document use."""

    vocabularyList = Listed(Part(Vocabulary()))


class Header(parts.Extensible):
    """What stands before the events."""

    epcisMasterData = Part(MasterData())


class DocumentBody(parts.Open):
    """The events of a document."""

    eventList = Listed(AnyEvent(), required=True)


class EpcisDocument(parts.Extensible):
    """Events that one party tells another."""

    context = Context(data_key="@context", required=True)
    id = Uri()
    type = Name(frozenset({"EPCISDocument"}), required=True)
    schemaVersion = Plain(fields.VERSION.fullmatch, fields.NOT_A_VERSION, required=True)
    creationDate = Timestamp(required=True)
    instanceIdentifier = Plain()
    sender = Plain()
    receiver = Plain()
    epcisHeader = Part(Header())
    epcisBody = Part(DocumentBody(), required=True)


class ResultsBody(parts.Extensible):
    """What a query found."""

    eventList = Listed(AnyEvent(), required=True)
    vocabularyList = Listed(Part(Vocabulary()))


class QueryResults(parts.Extensible):
    """What a query found, and which query it was."""

    queryName = Plain(required=True)
    subscriptionID = Plain()
    resultsBody = Part(ResultsBody(), required=True)


class QueryDocumentBody(parts.Extensible):
    """The answer to a query."""

    queryResults = Part(QueryResults(), required=True)


class EpcisQueryDocument(parts.Extensible):
    """The answer to a query, as a document."""

    context = Context(data_key="@context", required=True)
    id = Uri()
    type = Name(frozenset({"EPCISQueryDocument"}), required=True)
    schemaVersion = Plain(fields.VERSION.fullmatch, fields.NOT_A_VERSION)
    creationDate = Timestamp()
    epcisBody = Part(QueryDocumentBody(), required=True)


DOCUMENT_TYPES: Final[Mapping[str, Schema]] = {
    "EPCISDocument": EpcisDocument(),
    "EPCISQueryDocument": EpcisQueryDocument(),
}


class AnyDocument(Kept):
    """A document, an answer to a query, or a single event, which then brings its own `@context`."""

    def check(self, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise ValidationError(fields.NOT_AN_OBJECT)
        kind = value.get("type")
        if isinstance(kind, str) and kind in DOCUMENT_TYPES:
            DOCUMENT_TYPES[kind].load(value)
            return
        schema_of_event(value).load(value)
        if "@context" not in value:
            raise ValidationError({"@context": [fields.MISSING]})
