"""One line for every event, on standard error: JSON for machines, text for a terminal; no secret, no forged line.

The standard library's loggers go through the same rendering, so libraries' lines look like ours.
"""

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Final, TextIO, cast

import structlog
from flask import g, has_app_context
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from marketplace.log_lines import lines
from marketplace.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("marketplace")

MASK: Final = "***"
DEPTH_MAX: Final = 8

_ALWAYS_SECRET: Final = frozenset(
    {
        "authorization",
        "cookie",
        "password",
        "passwords",
        "passwd",
        "secret",
        "secrets",
        "token",
        "tokens",
        "apikey",
    }
)
_SECRET_AT_THE_END: Final = frozenset({"code", "codes", "key", "keys"})
_WORD: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+")
_SECRET_IN_TEXT: Final = (
    (re.compile(r"\b(bearer|basic)\s+[^\s,;'\"]+", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/@]+@", re.IGNORECASE), rf"\1:{MASK}@"),
    (
        re.compile(r"\b((?:[a-z]+_)*(?:password|secret|token|code|key))=[^&\s,;'\")]+", re.IGNORECASE),
        rf"\1={MASK}",
    ),
)
_MAY_HIDE_SECRET: Final = re.compile(r"[\s=]|://")
"""What every pattern above needs: most texts have none of it."""
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_QUIET: Final = {"asyncio": logging.WARNING}


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what sys.stderr is at that moment; our mark in the list of the root's handlers."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        """sys.stderr alone decides."""

    def write_request(self, event: dict[str, Any]) -> None:
        """Without the handler's lock and in bundles: many threads would wait for each other here."""
        formatter = cast(_Formatter, self.formatter)
        line = formatter.write_request(event) + self.terminator
        try:
            number = self.stream.fileno()
        except (OSError, ValueError):
            self.stream.write(line)
            return
        lines.add(number, line)


def configure(settings: Settings) -> None:
    """Take over the process's logging. May be called again: the last call counts."""
    handler = _Stderr()
    handler.setFormatter(_formatter(as_text=_is_text(settings.log_format)))
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _Stderr)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.log_level)
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, logging.getLevelNamesMapping()[settings.log_level]))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_shared(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _is_text(log_format: str) -> bool:
    return log_format == "text" or (log_format == "auto" and sys.stderr.isatty())


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _add_request_id,
    ]


class _Request(logging.LogRecord):
    """An answered request: what is told of it stands in `msg`, ready to be written out."""


class _Formatter(ProcessorFormatter):
    """Answered requests are many and all alike: they are written out without the detour over processors."""

    def __init__(self, write_request: Callable[[dict[str, Any]], str], **options: Any) -> None:
        super().__init__(**options)
        self.write_request = write_request

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record, _Request):
            return self.write_request(cast(dict[str, Any], record.msg))
        return super().format(record)


def _formatter(*, as_text: bool) -> logging.Formatter:
    renderer: Processor = _render_text if as_text else structlog.processors.JSONRenderer(default=str)
    return _Formatter(
        partial(_render_text, None, "info") if as_text else json.JSONEncoder(default=str).encode,
        foreign_pre_chain=_shared(),
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ],
    )


def request(**facts: str | float | None) -> None:
    """The same line as `log.info("request", **facts)`, for facts of which none has a secret's name."""
    logger = logging.getLogger("marketplace")
    if not logger.isEnabledFor(logging.INFO):
        return
    event: dict[str, Any] = {
        name: clean_text(value) if isinstance(value, str) else value for name, value in facts.items()
    }
    event["event"] = "request"
    event["level"] = "info"
    event["logger"] = logger.name
    event["time"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    handlers = logging.getLogger().handlers
    if len(handlers) == 1 and isinstance(handlers[0], _Stderr) and not logger.handlers:
        handlers[0].write_request(event)
    else:
        logger.handle(_Request(logger.name, logging.INFO, __file__, 0, event, (), None))


def _add_request_id(_: Any, __: str, event: EventDict) -> EventDict:
    if "request_id" not in event and has_app_context() and g.get("request_id"):
        event["request_id"] = g.request_id
    return event


def redact(_: Any, __: str, event: EventDict) -> EventDict:
    """Mask the values of fields whose name says secret, and what looks like one inside of texts."""
    return {name: MASK if is_secret(name) else _clean(value) for name, value in event.items()}


@lru_cache(maxsize=1_024)
def is_secret(name: str) -> bool:
    """Whether a field of this name is masked: `access_token`, `X-Api-Key`, `loginCode`; not `key_count`."""
    words = [word.lower() for word in _WORD.findall(name)]
    return not _ALWAYS_SECRET.isdisjoint(words) or (bool(words) and words[-1] in _SECRET_AT_THE_END)


def _clean(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= DEPTH_MAX:
        return "…"
    if isinstance(value, Mapping):
        return {
            str(name): MASK if is_secret(str(name)) else _clean(inner, depth + 1)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(inner, depth + 1) for inner in value]
    return clean_text(str(value))


def clean_text(text: str) -> str:
    """The text without what looks like a secret in it."""
    if _MAY_HIDE_SECRET.search(text):
        for pattern, masked in _SECRET_IN_TEXT:
            text = pattern.sub(masked, text)
    return text


def _render_text(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    """One line for people: time, level, event, fields; a traceback follows, every line of it indented."""
    time = event.pop("time", "")
    level = event.pop("level", "")
    what = event.pop("event", "")
    event.pop("logger", None)
    trace = str(event.pop("exception", "") or "")
    fields = "".join(f" {name}={value!r}" for name, value in event.items() if value is not None)
    line = f"{time} {level:<8} {what}{fields}"
    indented = "".join(f"\n    | {_visible(part)}" for part in trace.split("\n") if part)
    return _visible(line) + indented


def _visible(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
