"""What the repository refuses, under the names that EPCIS 2.0 gives its exceptions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from marketplace import errors
from marketplace.language import Text
from marketplace.problems import STATUS


class ValidationException(errors.Malformed):
    """A document or an event is not one of EPCIS 2.0."""

    title = Text(en="This is no document of EPCIS 2.0.", zh="不是有效的 EPCIS 2.0 文档。")

    def __init__(self, detail: Text | None = None, *, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(detail, exception="epcisException:ValidationException", errors=errors or [])


class QueryParameterException(errors.Malformed):
    """A query is none of the standard's."""

    title = Text(en="The query is not one of EPCIS 2.0.", zh="不是有效的 EPCIS 2.0 查询。")

    def __init__(self, detail: Text | None = None, *, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(detail, exception="epcisException:QueryParameterException", errors=errors or [])


class SubscriptionControlsException(errors.Malformed):
    """A subscription says neither or both of when it is told, or a schedule that never comes."""

    title = Text(en="The controls of the subscription are not valid.", zh="订阅设置无效。")

    def __init__(self, detail: Text | None = None, *, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(
            detail, exception="epcisException:SubscriptionControlsException", errors=errors or []
        )


class InvalidUriException(errors.Malformed):
    """Events may not be sent to this address."""

    title = Text(en="Events may not be sent to this address.", zh="不允许向该地址发送事件。")

    def __init__(self, detail: Text | None = None, *, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(detail, exception="epcisException:InvalidURIException", errors=errors or [])


class SubscribeNotPermittedException(errors.Conflict):
    """The query counts its events, so that it can only be asked; or there are as many subscriptions as there may be."""

    title = Text(en="There can be no such subscription to this query.", zh="该查询不能如此订阅。")

    def __init__(self, detail: Text | None = None, **facts: Any) -> None:
        super().__init__(detail, exception="epcisException:SubscribeNotPermittedException", **facts)


class NoSuchSubscriptionException(errors.NotFound):
    """The query has no subscription of this id."""

    title = Text(en="There is no such subscription.", zh="没有该订阅。")


class QueryTooLargeException(errors.Invalid):
    """More events than the query allows, or than can be put in order at once."""

    title = Text(en="The query finds too many events.", zh="查询结果过多。")

    def __init__(self, detail: Text | None = None) -> None:
        super().__init__(detail)
        self.facts["exception"] = "epcisException:QueryTooLargeException"


class CaptureLimitExceededException(errors.Invalid):
    """More events in one document than are taken at once."""

    title = Text(en="Too many events in one document.", zh="单个文档中的事件过多。")

    def __init__(self, detail: Text | None = None) -> None:
        super().__init__(detail)
        self.facts["exception"] = "epcisException:CaptureLimitExceededException"


class NoSuchResourceException(errors.NotFound):
    """No event, capture job or place of this name."""

    title = Text(en="There is nothing of this name.", zh="没有该名称的资源。")


class NoSuchNameException(errors.NotFound):
    """No query of this name."""

    title = Text(en="There is no query of this name.", zh="没有该名称的查询。")


class ResourceAlreadyExistsException(errors.Conflict):
    """A query of this name is there already."""

    title = Text(en="There is a query of this name already.", zh="已有同名查询。")


@contextmanager
def told_as(
    kind: type[ValidationException | QueryParameterException | SubscriptionControlsException],
) -> Iterator[None]:
    """What is found wrong inside is refused under the standard's name, with the same faults."""
    try:
        yield
    except errors.Invalid as invalid:
        raise kind(invalid.detail, errors=invalid.facts["errors"]) from invalid


STATUS.update({QueryTooLargeException: 413, CaptureLimitExceededException: 413})
