"""Phone numbers in their one form, E.164. Pure."""

from typing import Final

import phonenumbers

from marketplace import errors
from marketplace.language import Text

REGION: Final = "CN"
"""Where a number without a country code belongs."""
_MOBILE: Final = frozenset(
    {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}
)


class PhoneNotUsable(errors.Invalid):
    """Not a mobile number that a code could be sent to."""

    title = Text(en="This is not a mobile phone number.", zh="这不是有效的手机号码。")


def normal(raw: str) -> str:
    """`raw` in E.164; raises PhoneNotUsable. Premium and fixed lines are no use for codes, and costly."""
    try:
        number = phonenumbers.parse(raw, REGION)
    except phonenumbers.NumberParseException:
        raise PhoneNotUsable from None
    is_usable = phonenumbers.is_possible_number(number) and phonenumbers.is_valid_number(number)
    if not is_usable or number.extension or phonenumbers.number_type(number) not in _MOBILE:
        raise PhoneNotUsable
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
