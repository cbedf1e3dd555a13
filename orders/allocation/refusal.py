"""Why a problem is refused: one exception, carrying every fault as JSON pointer, stable code and reason.

The reasons exist in English and in Chinese, because cooperatives read them.
"""

from dataclasses import dataclass
from typing import Final

_REASONS: Final[dict[str, tuple[str, str]]] = {
    "wrong_type": ("must be: {expected}", "类型不对，应为：{expected}"),
    "out_of_range": ("must be between {low} and {high}", "必须在 {low} 与 {high} 之间"),
    "wrong_length": ("must have {low} to {high} characters", "长度必须为 {low} 至 {high} 个字符"),
    "control_characters": ("must not contain control characters", "不得含有控制字符"),
    "not_a_choice": ("must be one of: {choices}", "必须是以下之一：{choices}"),
    "missing": ("is missing", "缺少该项"),
    "unknown_member": ("is not a known member", "未知的字段"),
    "duplicate": ("is given more than once: {value}", "重复出现：{value}"),
    "unknown_reference": ("names nobody in this problem: {value}", "所指对象不存在：{value}"),
    "packs_or_grams": ("needs either packs or grams, not both", "必须且只能给出箱数或克数之一"),
    "mixed_packs": (
        "has packs of {value} g, others {first} g; only one order in grams may mix sizes",
        "每箱 {value} 克，而其他为 {first} 克；只有单个按克下的订单可以混用不同规格",
    ),
    "not_the_seed": ("is not the hash of the seed", "不是该种子的哈希值"),
    "unsupported": ("is not yet supported: {what}", "暂不支持：{what_zh}"),
}

CODES: Final = frozenset(_REASONS)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a problem. `pointer` is an RFC 6901 JSON pointer into its JSON form."""

    pointer: str
    code: str
    reason: str
    reason_zh: str

    @classmethod
    def of(cls, pointer: str, code: str, **facts: object) -> "Fault":
        english, chinese = _REASONS[code]
        return cls(pointer, code, english.format(**facts), chinese.format(**facts))


class ProblemRefused(ValueError):
    """The problem cannot be computed as asked. `faults` has them all, the other fields the first."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        first = faults[0]
        self.faults = faults
        self.pointer = first.pointer
        self.code = first.code
        self.reason = first.reason
        self.reason_zh = first.reason_zh
        super().__init__(f"{first.pointer or '/'} {first.reason}")

    def __reduce__(self) -> tuple[type["ProblemRefused"], tuple[tuple[Fault, ...]]]:
        return type(self), (self.faults,)
