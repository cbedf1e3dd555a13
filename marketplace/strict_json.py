"""A JSON reader that refuses what the standard reader lets through. Pure.

Refused: anything but UTF-8 without a byte-order mark, nesting deeper than DEPTH_MAX, more than NODES_MAX values,
duplicate member names, NaN and Infinity, numbers of more than DIGITS_MAX digits or too large for a float, NUL and
lone surrogates.
"""

import json
import math
import re
from typing import Any, Final

from marketplace import errors
from marketplace.language import Text

DEPTH_MAX: Final = 32
NODES_MAX: Final = 10_000
DIGITS_MAX: Final = 100
_STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
"""A whole string, possibly unfinished."""
_NOT_A_BRACKET: Final = re.compile(r"[^\[\]{}]+")
_MAY_BE_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""Text that was read from UTF-8 has halves of characters only where they are escaped."""
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class MalformedJson(errors.Malformed):
    """The body is not JSON as RFC 8259 and this reader's limits have it."""

    title = Text(en="The body is not acceptable JSON.", zh="请求体不是可接受的 JSON。")
    code = "malformed"


def loads(body: bytes) -> Any:
    """The value in `body`; raises MalformedJson."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused("it is not UTF-8", "不是 UTF-8 编码") from None
    if text.startswith("\ufeff") or "\x00" in text:
        raise _refused("it holds a byte-order mark or NUL", "含有字节顺序标记或 NUL")
    _check_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_members,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_number,
        )
    except (json.JSONDecodeError, RecursionError):
        raise _refused("it does not parse", "无法解析") from None
    if _MAY_BE_HALF.search(text):
        _check_texts(value)
    return value


def _refused(en: str, zh: str) -> MalformedJson:
    return MalformedJson(Text(en=f"The body was not read: {en}.", zh=f"请求体未被读取：{zh}。"))


def _check_depth(text: str) -> None:
    """Count brackets outside strings before parsing, so that depth never reaches the parser's recursion."""
    bare = _STRING.sub("", text)
    if bare.count("[") + bare.count("{") + bare.count(",") > NODES_MAX:
        raise _refused(f"it has more than {NODES_MAX} values", f"超过 {NODES_MAX} 个值")
    depth = 0
    for bracket in _NOT_A_BRACKET.sub("", bare):
        depth += 1 if bracket in "[{" else -1
        if depth > DEPTH_MAX:
            raise _refused(f"it nests deeper than {DEPTH_MAX}", f"嵌套超过 {DEPTH_MAX} 层")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _refused("a member name stands twice", "成员名重复")
    return members


def _check_texts(value: Any) -> None:
    """Look for halves of characters everywhere; nesting is bounded by now."""
    if isinstance(value, str):
        if _LONE_SURROGATE.search(value):
            raise _refused("a text holds half a character", "文本中有不完整的字符")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_texts(name)
            _check_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner)


def _constant(_name: str) -> Any:
    raise _refused("NaN and Infinity are no JSON numbers", "NaN 与 Infinity 不是 JSON 数字")


def _integer(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        raise _refused(f"a number has more than {DIGITS_MAX} digits", f"数字超过 {DIGITS_MAX} 位")
    return int(digits)


def _number(digits: str) -> float:
    if len(digits) > DIGITS_MAX:
        raise _refused(f"a number has more than {DIGITS_MAX} digits", f"数字超过 {DIGITS_MAX} 位")
    number = float(digits)
    if math.isinf(number):
        raise _refused("a number is too large", "数字过大")
    return number
