"""Whether a text is a URI as RFC 3986 writes them: with a scheme, in ASCII, every escape whole. Pure.

The expressions follow the grammar in the RFC's appendix A, from its letters up. Each repeats over a class of
characters, with escapes in between, so that a text is read once from left to right.
"""

import re
from typing import Final

_ALNUM: Final = "A-Za-z0-9"
_UNRESERVED: Final = rf"{_ALNUM}\-._~"
_DELIMITERS: Final = "!$&'()*+,;="
_ESCAPE: Final = r"%[0-9A-Fa-f]{2}"


def _run(characters: str) -> str:
    """Any number of these characters and of escapes."""
    return rf"[{characters}]*(?:{_ESCAPE}[{characters}]*)*"


_SEGMENTS: Final = _run(rf"{_UNRESERVED}{_DELIMITERS}:@/")
"""Any number of segments of a path, with the slashes between them."""
_PCHAR: Final = rf"(?:[{_UNRESERVED}{_DELIMITERS}:@]|{_ESCAPE})"
_TAIL: Final = _run(rf"{_UNRESERVED}{_DELIMITERS}:@/?")

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_H16: Final = r"[0-9A-Fa-f]{1,4}"
_LS32: Final = rf"(?:{_H16}:{_H16}|{_IPV4})"


def _ipv6() -> str:
    """An address of eight groups, or of fewer around one `::`; the last two may be written as an IPv4 address."""
    forms = [rf"(?:{_H16}:){{6}}{_LS32}"]
    for after in range(5, -1, -1):
        before = 5 - after
        head = rf"(?:(?:{_H16}:){{0,{before - 1}}}{_H16})?" if before else ""
        forms.append(rf"{head}::(?:{_H16}:){{{after}}}{_LS32}")
    forms.append(rf"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}")
    forms.append(rf"(?:(?:{_H16}:){{0,6}}{_H16})?::")
    return "|".join(forms)


_FUTURE: Final = rf"[vV][0-9A-Fa-f]+\.[{_UNRESERVED}{_DELIMITERS}:]+"
_HOST: Final = rf"(?:\[(?:{_ipv6()}|{_FUTURE})\]|{_run(_UNRESERVED + _DELIMITERS)})"
_AUTHORITY: Final = rf"(?:{_run(_UNRESERVED + _DELIMITERS + ':')}@)?{_HOST}(?::[0-9]*)?"
_URI: Final = re.compile(
    rf"[A-Za-z][{_ALNUM}+\-.]*:"
    rf"(?://{_AUTHORITY}(?:/{_SEGMENTS})?|/?{_PCHAR}{_SEGMENTS}|/?)"
    rf"(?:\?{_TAIL})?(?:\#{_TAIL})?",
    re.ASCII,
)


def is_uri(text: str) -> bool:
    """Whether the whole text is a URI; a prefixed name such as `example:field` is one."""
    return _URI.fullmatch(text) is not None
