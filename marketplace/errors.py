"""Families of refusal. They know no HTTP, so rules may raise them; `problems` maps families to statuses.

A concrete refusal is declared in the file that raises it, as a subclass of one family, with a bilingual
`title`. Its `code` is a stable word (default: the class name in snake case), its `slug` the heading in
docs/problems.md. Keyword arguments become extension members of the problem document.
"""

import re
from typing import Any, ClassVar, Final

from marketplace.language import Text


def _words(name: str, joiner: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", joiner, name).lower()


RESERVED: Final = frozenset({"type", "title", "status", "detail", "code", "instance", "request_id"})
"""Members of a problem document that no fact may stand in for."""


class Refusal(Exception):
    """A request that today's facts forbid. Raising it rolls the unit of work back."""

    title: ClassVar[Text] = Text(en="The request was refused.", zh="请求被拒绝。")
    code: ClassVar[str] = "refusal"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in cls.__dict__:
            cls.code = _words(cls.__name__, "_")

    def __init__(self, detail: Text | None = None, **facts: Any) -> None:
        if clash := RESERVED & set(facts):
            raise TypeError(f"{', '.join(sorted(clash))}: members that every problem document has already")
        self.detail = detail
        self.facts = facts
        self.retry_after_seconds: int | None = None
        super().__init__((detail or self.title).en)

    @classmethod
    def slug(cls) -> str:
        return _words(cls.__name__, "-")


class Malformed(Refusal):
    """Not readable as what it claims to be."""

    title = Text(en="The request cannot be read.", zh="无法读取该请求。")


class Invalid(Refusal):
    """Readable, but not of the shape or range asked for. `errors` lists {pointer|parameter, detail}."""

    title = Text(en="The request is not valid.", zh="请求内容不合要求。")

    def __init__(self, detail: Text | None = None, *, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(detail, errors=errors or [])


class Unauthenticated(Refusal):
    title = Text(en="Log in first.", zh="请先登录。")


class Forbidden(Refusal):
    title = Text(en="Your role may not do this.", zh="您的角色无权执行此操作。")


class NotFound(Refusal):
    """Also when it exists but belongs to somebody else: both look alike."""

    title = Text(en="There is nothing here for you.", zh="未找到相应内容。")


class Conflict(Refusal):
    """Anything that today's state forbids and tomorrow's may allow."""

    title = Text(en="The present state does not allow this.", zh="当前状态不允许此操作。")


class Gone(Refusal):
    """It was there and has lapsed for good."""

    title = Text(en="This has lapsed.", zh="已过期。")


class PaymentRefused(Refusal):
    title = Text(en="The payment was refused.", zh="付款被拒绝。")


class TooMany(Refusal):
    title = Text(en="Too many requests; wait a little.", zh="请求过于频繁，请稍候。")

    def __init__(self, detail: Text | None = None, *, retry_after_seconds: int = 60, **facts: Any) -> None:
        super().__init__(detail, **facts)
        self.retry_after_seconds = retry_after_seconds


class TryLater(Refusal):
    title = Text(en="Not possible right now; try again shortly.", zh="暂时无法处理，请稍后再试。")

    def __init__(self, detail: Text | None = None, *, retry_after_seconds: int = 2, **facts: Any) -> None:
        super().__init__(detail, **facts)
        self.retry_after_seconds = retry_after_seconds


FAMILIES: tuple[type[Refusal], ...] = (
    Malformed,
    Invalid,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    Gone,
    PaymentRefused,
    TooMany,
    TryLater,
)


def every_refusal(root: type[Refusal] = Refusal) -> list[type[Refusal]]:
    """All declared refusals below `root`, for the documentation and its test."""
    found: list[type[Refusal]] = []
    for child in root.__subclasses__():
        found += [child, *every_refusal(child)]
    return found
