"""One text for one value of JSON: RFC 8785 (JSON Canonicalization Scheme), by the library `rfc8785`. Pure.

Members are sorted, nothing is left to taste, so that who has the value can write the very bytes that were chained.
"""

from typing import Any

import rfc8785

from marketplace import errors
from marketplace.language import Text


def canonical(value: Any) -> bytes:
    """The value in UTF-8; raises Invalid for what cannot be written: whole numbers beyond 2⁵³, half characters."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as problem:
        told = Text(
            en="It holds a number beyond 2^53 or half a character, so no two programs would write it alike.",
            zh="含有超出 2^53 的数字或不完整的字符，无法唯一书写。",
        )
        raise errors.Invalid(told) from problem
