"""Only what is one whole plain request is taken as one: never a part, never two, never what has a second meaning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.running.plain_requests import is_whole

LIST = b"GET /v1/campaigns?limit=3 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"
BODY = b'{"item_id":"x","boxes":1}'
HEAD = b"POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
ORDER = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
BARE = b"POST /v1/orders HTTP/1.1\r\nHost: a\r\n\r\n"
DOORS = {("GET", "/v1/campaigns"), ("POST", "/v1/orders")}


def plain(data: bytes) -> bool:
    return is_whole(data, lambda method, path: (method, path) in DOORS)


@pytest.mark.parametrize("data", [LIST, ORDER, BARE])
def test_a_whole_request_of_a_known_door_is_plain(data: bytes) -> None:
    assert plain(data)


@pytest.mark.parametrize("data", [LIST, ORDER])
def test_no_part_of_it_is_and_nothing_more(data: bytes) -> None:
    assert not [end for end in range(len(data)) if plain(data[:end])]
    assert not plain(data + data)
    assert not plain(data + b"\r\n")
    assert not plain(b"\r\n" + data)


@pytest.mark.parametrize(
    "field",
    [
        b"Transfer-Encoding: chunked",
        b"transfer-encoding : chunked",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AAMAAABk",
        b"Expect: 100-continue",
        b"Content-Encoding: gzip",
        b"Trailer: X-A",
        b"Content-Length: 25",
        b"Content-Length: 25\r\nContent-Length: 25",
        b"content-length:0",
        b"Content-Length : 1",
        b"Content-Length: 0x19",
        b"Content-Length: +25",
        b"Content-Length: 25, 25",
        b"Content-Length:",
    ],
)
def test_a_field_that_asks_for_more_is_left_to_the_server(field: bytes) -> None:
    added = b"\r\n" + field + b"\r\n\r\n"
    assert not plain(ORDER.replace(b"\r\n\r\n", added))
    if field[-1:] != b"0":
        assert not plain(LIST.replace(b"\r\n\r\n", added))


@pytest.mark.parametrize(
    "line",
    [
        b"GET /v1/other HTTP/1.1",
        b"DELETE /v1/campaigns HTTP/1.1",
        b"get /v1/campaigns HTTP/1.1",
        b"GET http://a/v1/campaigns HTTP/1.1",
        b"GET /v1/campaigns HTTP/1.0",
        b"GET /v1/campaigns HTTP/2.0",
        b"GET  /v1/campaigns HTTP/1.1",
        b"GET /v1/%63ampaigns HTTP/1.1",
        b"GET /v1/campaigns#x HTTP/1.1",
        b"GET /v1/../v1/campaigns HTTP/1.1",
        b"PRI * HTTP/2.0",
    ],
)
def test_another_line_is_left_to_the_server(line: bytes) -> None:
    assert not plain(line + LIST[LIST.index(b"\r\n") :])


@given(st.binary(max_size=200), st.integers(0, len(ORDER)), st.integers(0, len(ORDER)))
def test_whatever_is_taken_has_a_body_of_its_told_length(noise: bytes, start: int, end: int) -> None:
    data = ORDER[: min(start, end)] + noise + ORDER[max(start, end) :]
    if plain(data):
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [
            line.split(b":")[1]
            for line in head.split(b"\r\n")[1:]
            if line.lower().startswith(b"content-length")
        ]
        assert [int(each) for each in lengths] == [len(body)] or (not lengths and not body)
