"""Words of bank statements, each with what it says to people: states, reasons, what is wrong with a line. Pure."""

from enum import StrEnum
from typing import Final

from marketplace.language import Text


class StatementFormat(StrEnum):
    GENERIC_CSV = "generic_csv"
    CHINESE_CSV = "chinese_csv"
    CAMT_053 = "camt_053"


class Direction(StrEnum):
    CREDIT = "credit"
    """Money came."""
    DEBIT = "debit"
    """Money went."""


class EntryState(StrEnum):
    KEPT = "kept"
    """Money that went out: nothing is to be decided."""
    OPEN = "open"
    BOOKED = "booked"
    CLOSED = "closed"
    """It pays for nothing here, and a person said why."""


class OpenReason(StrEnum):
    WAITING = "waiting"
    NO_REFERENCE = "no_reference"
    SEVERAL_REFERENCES = "several_references"
    REVERSAL = "reversal"
    CURRENCY_DIFFERS = "currency_differs"
    TOO_LITTLE = "too_little"
    TOO_MUCH = "too_much"
    PAID_ALREADY = "paid_already"
    NOT_CONFIRMED = "not_confirmed"
    OTHER_GATEWAY = "other_gateway"
    REFUSED = "refused"
    REOPENED = "reopened"


class ClosedReason(StrEnum):
    NOT_OURS = "not_ours"
    SEND_BACK = "send_back"
    PAYOUT_RETURNED = "payout_returned"
    """A payout came back: said where payouts are, never by closing the entry."""


class SuggestedBy(StrEnum):
    REFERENCE = "reference"
    NEAR_REFERENCE = "near_reference"
    AMOUNT = "amount"


class LineFault(StrEnum):
    CELLS_DIFFER = "cells_differ"
    KEY_MISSING = "key_missing"
    KEY_UNREADABLE = "key_unreadable"
    KEY_DIFFERS = "key_differs"
    DAY_UNREADABLE = "day_unreadable"
    DIRECTION_UNKNOWN = "direction_unknown"
    CURRENCY_UNKNOWN = "currency_unknown"
    AMOUNT_MISSING = "amount_missing"
    AMOUNT_TWICE = "amount_twice"
    AMOUNT_FORMULA = "amount_formula"
    AMOUNT_NEGATIVE = "amount_negative"
    AMOUNT_SEPARATED = "amount_separated"
    AMOUNT_DECIMALS = "amount_decimals"
    AMOUNT_ZERO = "amount_zero"
    AMOUNT_TOO_LARGE = "amount_too_large"
    AMOUNT_UNREADABLE = "amount_unreadable"
    TEXT_TOO_LONG = "text_too_long"
    NOT_BOOKED_YET = "not_booked_yet"
    PARTS_DIFFER = "parts_differ"


class StatementFault(StrEnum):
    """What is wrong with a file as a whole."""

    EMPTY = "empty"
    ENCODING = "encoding"
    NUL = "nul"
    NO_HEADING = "no_heading"
    HEADING_TWICE = "heading_twice"
    NOT_CSV = "not_csv"
    TOO_MANY_LINES = "too_many_lines"
    NOT_XML = "not_xml"
    DOCTYPE = "doctype"
    NOT_CAMT = "not_camt"
    TOO_DEEP = "too_deep"
    SEVERAL_ACCOUNTS = "several_accounts"


LINES_MAX: Final = 100_000
REFERENCE_LIKE: Final = frozenset(
    {OpenReason.WAITING, OpenReason.TOO_LITTLE, OpenReason.TOO_MUCH, OpenReason.NOT_CONFIRMED}
)
"""An open entry for one of these reasons still counts as a part of the payment that it names."""

REASONS: Final[dict[str, Text]] = {
    OpenReason.WAITING: Text(en="It has not been looked at yet.", zh="尚未匹配。"),
    OpenReason.NO_REFERENCE: Text(en="Its text names no payment.", zh="附言中没有付款编号。"),
    OpenReason.SEVERAL_REFERENCES: Text(en="Its text names several payments.", zh="附言中有多个付款编号。"),
    OpenReason.REVERSAL: Text(en="It takes an earlier entry back.", zh="该笔为冲正。"),
    OpenReason.CURRENCY_DIFFERS: Text(en="It is in another currency.", zh="币种与应付币种不符。"),
    OpenReason.TOO_LITTLE: Text(en="It is less than what is due.", zh="金额少于应付金额。"),
    OpenReason.TOO_MUCH: Text(
        en="It is more than what is due, alone or with other transfers.", zh="单笔或合计金额多于应付金额。"
    ),
    OpenReason.PAID_ALREADY: Text(en="Its payment was received before.", zh="该付款此前已到账。"),
    OpenReason.NOT_CONFIRMED: Text(en="Its payer has not confirmed to pay.", zh="付款人尚未确认付款。"),
    OpenReason.OTHER_GATEWAY: Text(en="Its payment is made in another way.", zh="该付款使用其他支付方式。"),
    OpenReason.REFUSED: Text(en="Booking it was refused.", zh="入账被拒绝。"),
    OpenReason.REOPENED: Text(en="A person opened it again.", zh="由人工重新打开。"),
    ClosedReason.NOT_OURS: Text(en="It is for nothing here.", zh="与本平台无关。"),
    ClosedReason.SEND_BACK: Text(en="It is to be sent back.", zh="待退回。"),
    ClosedReason.PAYOUT_RETURNED: Text(en="A payout came back.", zh="付款单退回。"),
}
"""Why an entry is open or closed."""

FAULTS: Final[dict[str, Text]] = {
    LineFault.CELLS_DIFFER: Text(en="It has not as many cells as the heading.", zh="单元格数与表头不符。"),
    LineFault.KEY_MISSING: Text(en="The bank's own number is missing.", zh="缺少银行流水号。"),
    LineFault.KEY_UNREADABLE: Text(
        en="The bank's own number has 1 to 56 plain characters.", zh="银行流水号须为 1 至 56 个普通字符。"
    ),
    LineFault.KEY_DIFFERS: Text(
        en="This number of the bank is known with another amount.", zh="该流水号已存在，但金额或方向不同。"
    ),
    LineFault.DAY_UNREADABLE: Text(en="That is no day.", zh="日期无法识别。"),
    LineFault.DIRECTION_UNKNOWN: Text(en="Neither money that came nor that went.", zh="无法识别收支方向。"),
    LineFault.CURRENCY_UNKNOWN: Text(en="The currency is not known here.", zh="不支持该币种。"),
    LineFault.AMOUNT_MISSING: Text(en="The amount is missing.", zh="缺少金额。"),
    LineFault.AMOUNT_TWICE: Text(en="Money cannot come and go on one line.", zh="同一行不能既收又支。"),
    LineFault.AMOUNT_FORMULA: Text(en="A formula is no amount.", zh="金额不能是公式。"),
    LineFault.AMOUNT_NEGATIVE: Text(
        en="An amount has no sign; the direction tells.", zh="金额不带符号，收支由方向表示。"
    ),
    LineFault.AMOUNT_SEPARATED: Text(
        en="Write the amount without separators between thousands.", zh="金额请勿使用千位分隔符。"
    ),
    LineFault.AMOUNT_DECIMALS: Text(
        en="The amount has more decimals than its currency.", zh="小数位数多于该币种。"
    ),
    LineFault.AMOUNT_ZERO: Text(en="The amount is zero.", zh="金额为零。"),
    LineFault.AMOUNT_TOO_LARGE: Text(en="The amount is too large.", zh="金额过大。"),
    LineFault.AMOUNT_UNREADABLE: Text(
        en="An amount is written as 1234.56.", zh="金额须写作 1234.56 的形式。"
    ),
    LineFault.TEXT_TOO_LONG: Text(en="The text is too long.", zh="文本过长。"),
    LineFault.NOT_BOOKED_YET: Text(en="The bank has not booked it yet.", zh="银行尚未入账。"),
    LineFault.PARTS_DIFFER: Text(en="Its parts do not add up to it.", zh="明细之和与该笔金额不符。"),
    StatementFault.EMPTY: Text(en="The file is empty.", zh="文件为空。"),
    StatementFault.ENCODING: Text(
        en="The file is neither in UTF-8 nor in GB18030.", zh="文件编码既不是 UTF-8 也不是 GB18030。"
    ),
    StatementFault.NUL: Text(en="The file holds NUL bytes: it is no text.", zh="文件含空字节，不是文本。"),
    StatementFault.NO_HEADING: Text(
        en="No line names the columns that are needed.", zh="找不到包含所需列名的表头。"
    ),
    StatementFault.HEADING_TWICE: Text(en="A column is there twice.", zh="列名重复。"),
    StatementFault.NOT_CSV: Text(
        en="This line is not CSV: look at its quotes.", zh="该行不是有效的 CSV，请检查引号。"
    ),
    StatementFault.TOO_MANY_LINES: Text(
        en=f"A file has at most {LINES_MAX:,} entries.", zh=f"每个文件最多 {LINES_MAX:,} 笔。"
    ),
    StatementFault.NOT_XML: Text(en="The file is not XML in UTF-8.", zh="文件不是 UTF-8 编码的 XML。"),
    StatementFault.DOCTYPE: Text(
        en="A document type or entity is not allowed.", zh="不允许文档类型声明或实体。"
    ),
    StatementFault.NOT_CAMT: Text(
        en="The file is not ISO 20022 camt.053.", zh="文件不是 ISO 20022 camt.053 对账单。"
    ),
    StatementFault.TOO_DEEP: Text(en="The file is nested too deeply.", zh="文件嵌套过深。"),
    StatementFault.SEVERAL_ACCOUNTS: Text(
        en="The file is of more than one account.", zh="文件包含多个账户。"
    ),
}
"""What is wrong with a line, or with a file."""
