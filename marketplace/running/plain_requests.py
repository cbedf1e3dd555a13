"""Which bytes are a whole plain request of a kept connection: one that can be read without waiting for its client.

Says yes only to what has one meaning: the head in one piece, a body of exactly the told length or none, nothing behind
it, and no field that asks the server for another way of talking. Everything else is read by the server as always.
"""

import re
from collections.abc import Callable
from typing import Final

BYTES_MAX: Final = 16_384
"""Of a plain request, head and body; also what is read from a connection at once."""

_END: Final = b"\r\n\r\n"
_LINE: Final = re.compile(rb"(GET|POST) (/[A-Za-z0-9/_-]*)(?:\?[A-Za-z0-9=&_.,~%-]*)? HTTP/1\.1\r\n")
_OTHERWISE: Final = re.compile(
    rb"\r\n(?:upgrade|expect|transfer-encoding|te|trailer|http2-settings|content-encoding)[ \t]*:",
    re.IGNORECASE,
)
_LENGTH: Final = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*([0-9]{1,5})[ \t]*(?=\r\n)", re.IGNORECASE)
_LENGTH_NAMED: Final = re.compile(rb"\r\ncontent-length", re.IGNORECASE)


def is_whole(data: bytes, knows: Callable[[str, str], bool]) -> bool:
    """Whether `data` is one whole plain request of an address that `knows(method, path)`."""
    line = _LINE.match(data)
    if line is None or not knows(line[1].decode(), line[2].decode()):
        return False
    head, end, body = data.partition(_END)
    head += b"\r\n"
    if not end or _OTHERWISE.search(head):
        return False
    named = _LENGTH_NAMED.findall(head)
    if not named:
        return not body
    length = _LENGTH.search(head)
    return len(named) == 1 and length is not None and int(length[1]) == len(body)
