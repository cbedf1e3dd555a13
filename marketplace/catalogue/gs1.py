"""The numbers that GS1 gives to boxes (GTIN) and to parties and places (GLN). Pure; biip knows the rules.

biip itself takes blanks around the digits and digits of other scripts; these readers do not.
"""

import re
from typing import Final

from biip import ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gln import Gln
from biip.gtin import Gtin

from marketplace import errors
from marketplace.language import Text

_GTIN: Final = re.compile(r"(?:[0-9]{8}|[0-9]{12,14})", re.ASCII)
_GLN: Final = re.compile(r"[0-9]{13}", re.ASCII)


class GtinRefused(errors.Invalid):
    """The box number is not a GTIN of 8, 12, 13 or 14 digits with its check digit."""

    title = Text(en="This is not a GTIN.", zh="这不是有效的 GTIN。")


class GlnRefused(errors.Invalid):
    """The party's number is not a GLN of 13 digits with its check digit."""

    title = Text(en="This is not a GLN.", zh="这不是有效的 GLN。")


_LENGTH_OF_GTIN: Final = Text(
    en="A GTIN has 8, 12, 13 or 14 digits.", zh="GTIN 须为 8、12、13 或 14 位数字。"
)
_LENGTH_OF_GLN: Final = Text(en="A GLN has 13 digits.", zh="GLN 须为 13 位数字。")


def read_gtin(text: str) -> str:
    """The GTIN in its 14-digit form; raises GtinRefused with the reason."""
    if not _GTIN.fullmatch(text):
        raise _refused(GtinRefused, "gtin", _LENGTH_OF_GTIN)
    try:
        return Gtin.parse(text).as_gtin_14()
    except ParseError:
        raise _refused(GtinRefused, "gtin", _check_digit(text)) from None


def read_gln(text: str) -> str:
    """The GLN; raises GlnRefused with the reason."""
    if not _GLN.fullmatch(text):
        raise _refused(GlnRefused, "gln", _LENGTH_OF_GLN)
    try:
        return Gln.parse(text).value
    except ParseError:
        raise _refused(GlnRefused, "gln", _check_digit(text)) from None


def _check_digit(text: str) -> Text:
    return Text(
        en="The last digit, the check digit, should be {digit}.", zh="末位校验码应为 {digit}。"
    ).format(digit=gs1_standard_check_digit(text[:-1]))


def _refused(refusal: type[errors.Invalid], member: str, reason: Text) -> errors.Invalid:
    return refusal(reason, errors=[{"pointer": f"/{member}", "detail": reason}])
