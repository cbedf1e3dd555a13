"""A query of events, as EPCIS 2.0's SimpleEventQuery has it: read from an address or from JSON. Pure.

An address writes `EQ_bizStep=shipping|receiving`, a named query `{"EQ_bizStep": ["shipping", "receiving"]}`; both
become one `Query`. All parameters hold together; of a list, one value is enough. Whatever is wrong is told at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from inventory.epcis.event_hash import KNOWN_NAMESPACES, namespaces_of
from inventory.epcis.uris import is_uri
from inventory.repository import query_words
from inventory.repository.query_values import BadValue, Namespaces, Value
from inventory.repository.query_words import CONTROLS, Asked, Relation, full_names
from marketplace import errors
from marketplace.language import Text

PARAMETERS_MAX: Final = 100
VALUES_MAX: Final = 1_000
"""Values in the list of one parameter."""
PER_PAGE_USUAL: Final = 30
PER_PAGE_MAX: Final = 500
"""A page never holds more, whatever is asked."""
COUNT_MAX: Final = 1_000_000_000
NAME_LENGTH_MAX: Final = 1_000
OWN_ORDERS: Final = ("eventTime", "recordTime")

UNKNOWN: Final = Text(en="There is no such parameter.", zh="没有该参数。")
EMPTY: Final = Text(en="Give at least one value.", zh="至少须给出一个值。")
TOO_MANY_VALUES: Final = Text(en=f"More than {VALUES_MAX} values.", zh=f"超过 {VALUES_MAX} 个值。")
TOO_MANY_PARAMETERS: Final = Text(
    en=f"More than {PARAMETERS_MAX} parameters.", zh=f"超过 {PARAMETERS_MAX} 个参数。"
)
ONE_VALUE: Final = Text(en="Takes one value, not a list.", zh="只接受一个值，不接受列表。")
NOT_A_COUNT: Final = Text(
    en=f"Must be a whole number from 1 to {COUNT_MAX}.", zh=f"须为 1 至 {COUNT_MAX} 的整数。"
)
NOT_AN_ORDER: Final = Text(
    en="Must be eventTime, recordTime, or the name of a member of others.",
    zh="须为 eventTime、recordTime 或自定义成员的名称。",
)
NOT_A_DIRECTION: Final = Text(en="Must be ASC or DESC.", zh="须为 ASC 或 DESC。")
NOT_A_TOKEN: Final = Text(en="Must be a token that a page gave.", zh="须为分页结果给出的令牌。")
BOTH_COUNTS: Final = Text(
    en="eventCountLimit and maxEventCount exclude each other.",
    zh="eventCountLimit 与 maxEventCount 不能同时使用。",
)
LIMIT_WITHOUT_ORDER: Final = Text(
    en="eventCountLimit needs orderBy: it says which events are the first.",
    zh="使用 eventCountLimit 须同时给出 orderBy，以确定先后。",
)
OF_A_PAGE: Final = Text(
    en="Belongs to asking for a page, not to a stored query.", zh="属于分页请求，不属于已保存的查询。"
)
NOT_AN_OBJECT: Final = Text(en="Must be an object.", zh="须为对象。")
NOT_EXTENSIONS: Final = Text(
    en="Must list prefixes with their namespaces: example=http://ns.example.com/epcis/.",
    zh="须列出前缀及其命名空间，例如 example=http://ns.example.com/epcis/。",
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One parameter: what it asks about, and the values of which one has to fit."""

    parameter: str
    asked: Asked
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """What results are put in order by: `field` is eventTime, recordTime, or a member of others with its `names`."""

    field: str
    descending: bool
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """All conditions must hold. `limit` cuts what is ordered; more than `most` events are refused.

    `per_page` and `token` belong to one request for a page.
    """

    conditions: tuple[Condition, ...] = ()
    order: Order | None = None
    limit: int | None = None
    most: int | None = None
    per_page: int = PER_PAGE_USUAL
    token: str | None = None

    def values_of(self, parameter: str) -> tuple[Value, ...]:
        """The values of a parameter; none when it was not asked for."""
        return next((each.values for each in self.conditions if each.parameter == parameter), ())


_Place = Callable[[str, int | None], dict[str, str]]


def of_address(arguments: Mapping[str, str], namespaces: Namespaces | None = None) -> Query:
    """The query in an address's parameters; `namespaces` are prefixes that the request declares.

    Raises Invalid that names each wrong parameter.
    """
    lists = {name: text.split("|") if text else [] for name, text in arguments.items()}
    reading = _Reading(namespaces, lambda name, _at: {"parameter": name})
    return reading.whole(lists, dict(arguments))


def of_document(query: Any, pointer: str = "") -> Query:
    """The query in a JSON object, which may declare prefixes in `@context`.

    Raises Invalid with pointers, all below `pointer`.
    """
    if not isinstance(query, Mapping):
        raise errors.Invalid(errors=[{"pointer": pointer, "detail": NOT_AN_OBJECT}])

    def place(name: str, at: int | None) -> dict[str, str]:
        step = name.replace("~", "~0").replace("/", "~1")
        return {"pointer": f"{pointer}/{step}" + ("" if at is None else f"/{at}")}

    given = {name: value for name, value in query.items() if name != "@context"}
    lists = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
    reading = _Reading(namespaces_of(query.get("@context")), place)
    for name in ("perPage", "nextPageToken"):
        if name in given:
            reading.refuse(name, OF_A_PAGE)
    return reading.whole(lists, given)


def extensions(header: str | None) -> dict[str, str]:
    """The namespaces in a `GS1-Extensions` header; raises Invalid."""
    found = {}
    for each in (header or "").split(","):
        prefix, equals, namespace = each.strip().partition("=")
        if not each.strip():
            continue
        if not equals or not is_uri(f"{prefix}:x") or not is_uri(namespace):
            raise errors.Invalid(errors=[{"parameter": "GS1-Extensions", "detail": NOT_EXTENSIONS}])
        found[prefix] = namespace
    return found


@dataclass
class _Reading:
    """Reads one query and gathers what is wrong with it."""

    declared: Namespaces | None
    place: _Place
    wrong: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, name: str, told: Text, at: int | None = None) -> None:
        self.wrong.append({**self.place(name, at), "detail": told})

    def whole(self, lists: Mapping[str, list[Any]], given: Mapping[str, Any]) -> Query:
        namespaces = {**KNOWN_NAMESPACES, **(self.declared or {})}
        if len(given) > PARAMETERS_MAX:
            raise errors.Invalid(TOO_MANY_PARAMETERS)
        conditions = []
        for name in sorted(given):
            if name not in CONTROLS:
                conditions += self._condition(name, lists[name], namespaces)
        query = Query(
            conditions=tuple(conditions),
            order=self._order(given, namespaces),
            limit=self._count("eventCountLimit", given),
            most=self._count("maxEventCount", given),
            per_page=min(self._count("perPage", given) or PER_PAGE_USUAL, PER_PAGE_MAX),
            token=self._token(given),
        )
        if query.limit is not None and query.most is not None:
            self.refuse("maxEventCount", BOTH_COUNTS)
        if "eventCountLimit" in given and "orderBy" not in given:
            self.refuse("eventCountLimit", LIMIT_WITHOUT_ORDER)
        if self.wrong:
            raise errors.Invalid(errors=self.wrong)
        return query

    def _condition(self, name: str, found: list[Any], namespaces: Namespaces) -> list[Condition]:
        asked = query_words.asked(name, namespaces) if len(name) <= NAME_LENGTH_MAX else None
        if asked is None:
            self.refuse(name, UNKNOWN)
            return []
        if asked.relation is Relation.EXISTS and not found:
            found = [""]
        if not found:
            self.refuse(name, EMPTY)
        if len(found) > VALUES_MAX:
            self.refuse(name, TOO_MANY_VALUES)
            return []
        if not asked.many and len(found) > 1:
            self.refuse(name, ONE_VALUE)
            return []
        values = []
        for at, each in enumerate(found):
            try:
                values.append(asked.read(each, namespaces))
            except BadValue as bad:
                self.refuse(name, bad.told, at if asked.many and len(found) > 1 else None)
        if asked.relation is Relation.EXISTS and values == [False]:
            return []
        return [Condition(name, asked, tuple(values))]

    def _order(self, given: Mapping[str, Any], namespaces: Namespaces) -> Order | None:
        direction = given.get("orderDirection", "DESC")
        if direction not in ("ASC", "DESC"):
            self.refuse("orderDirection", NOT_A_DIRECTION)
        by = given.get("orderBy")
        if "orderBy" not in given:
            return None
        descending = direction == "DESC"
        if by in OWN_ORDERS:
            return Order(by, descending)
        if not isinstance(by, str) or len(by) > NAME_LENGTH_MAX or not is_uri(by):
            self.refuse("orderBy", NOT_AN_ORDER)
            return None
        return Order(by, descending, full_names(by, namespaces))

    def _count(self, name: str, given: Mapping[str, Any]) -> int | None:
        if name not in given:
            return None
        value = given[name]
        if (
            isinstance(value, str)
            and value.isascii()
            and value.isdigit()
            and len(value) <= len(str(COUNT_MAX))
        ):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= COUNT_MAX:
            self.refuse(name, NOT_A_COUNT)
            return None
        return value

    def _token(self, given: Mapping[str, Any]) -> str | None:
        token = given.get("nextPageToken")
        if "nextPageToken" in given and (not isinstance(token, str) or not token):
            self.refuse("nextPageToken", NOT_A_TOKEN)
        return token
