"""Whether something is an EPCIS document, with a pointer to all that is wrong with it. Pure.

A document that is taken is given back itself, a plain dictionary: what others add to it in their own namespaces and
how numbers and moments are written belong to what they said, and are told again in the same letters.
"""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError

from inventory.epcis.document_schemas import AnyDocument
from marketplace import errors
from marketplace.door import pointers
from marketplace.language import Text

DEPTH_MAX: Final = 32
"""Objects and lists inside each other."""
VALUES_MAX: Final = 200_000
"""Values in a document, objects and lists among them."""
LIST_LENGTH_MAX: Final = 10_000
"""Items in one list, so events in one document."""
TEXT_LENGTH_MAX: Final = 8_192
"""Characters of one text, or of one member's name."""

_DOCUMENT: Final = AnyDocument()


def read(document: Any) -> dict[str, Any]:
    """The document, document of results or single event with its `@context`; raises Invalid with pointers."""
    check_limits(document)
    try:
        _DOCUMENT.check(document)
    except ValidationError as error:
        raise errors.Invalid(errors=pointers({"json": error.messages})) from error
    return document  # type: ignore[no-any-return]


def check_limits(document: Any) -> None:
    """Raise Invalid for what is nested too deeply, too long or too much, before anything else looks at it."""
    waiting: list[tuple[Any, str, int]] = [(document, "", 1)]
    count = 0
    while waiting:
        value, pointer, depth = waiting.pop()
        count += 1
        if count + len(waiting) > VALUES_MAX:
            raise _refused("", Text(en="More than {n} values.", zh="超过 {n} 个值。").format(n=VALUES_MAX))
        if isinstance(value, str) and len(value) > TEXT_LENGTH_MAX:
            raise _too_long(pointer)
        if isinstance(value, str | int) or not isinstance(value, dict | list | Mapping):
            continue
        if depth > DEPTH_MAX:
            deep = Text(en="Nested deeper than {n}.", zh="嵌套超过 {n} 层。").format(n=DEPTH_MAX)
            raise _refused(pointer, deep)
        if isinstance(value, list):
            if len(value) > LIST_LENGTH_MAX:
                many = Text(en="More than {n} items.", zh="超过 {n} 项。").format(n=LIST_LENGTH_MAX)
                raise _refused(pointer, many)
            waiting += [(item, f"{pointer}/{at}", depth + 1) for at, item in enumerate(value)]
            continue
        for name, inner in value.items():
            if len(name) > TEXT_LENGTH_MAX:
                raise _too_long(pointer)
            step = name.replace("~", "~0").replace("/", "~1")
            waiting.append((inner, f"{pointer}/{step}", depth + 1))


def _too_long(pointer: str) -> errors.Invalid:
    told = Text(en="Longer than {n} characters.", zh="超过 {n} 个字符。").format(n=TEXT_LENGTH_MAX)
    return _refused(pointer, told)


def _refused(pointer: str, detail: Text) -> errors.Invalid:
    return errors.Invalid(errors=[{"pointer": pointer, "detail": detail}])
