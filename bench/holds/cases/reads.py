"""The list of campaigns and a campaign's page, fresh and unchanged."""

import urllib.error
import urllib.request
from typing import Final

from bench.holds import profiling
from bench.holds.ground import SHOWN, UNCHANGED, Bench, Part
from bench.holds.measure import Bar, Lane, Row, compared
from bench.holds.server import Web

CONNECTIONS: Final = 16
OF_BARE: Final = Bar(must=0.5, aim=0.85)
UNCHANGED_OF_BARE: Final = Bar(must=0.85)
LIST: Final = "/v1/campaigns"


def pages(bench: Bench) -> Part:
    part = Part(title="The list of 20 campaigns and a campaign's page, read by passers-by")
    wanted = {"list": LIST, "page": bench.world.hot[0].page}
    with bench.bare() as bare, bench.market("reads", part) as (web, urls):
        base = Lane("bare", bench.reading(bare, LIST, connections=CONNECTIONS), (SHOWN,))
        lanes: dict[str, Lane] = {}
        for name, path in wanted.items():
            lanes[name] = Lane(name, bench.reading(web, path, connections=CONNECTIONS), (SHOWN,))
            etag = etag_that_spares(web, path)
            if etag is not None:
                again = bench.reading(web, path, connections=CONNECTIONS, etag=etag)
                lanes[f"{name}, unchanged"] = Lane(f"{name}, unchanged (304)", again, (UNCHANGED,))
        bench.interleave(part, [base, *lanes.values()])
        for name in wanted:
            part.rows.append(compared(lanes[name], base, bar=OF_BARE))
            part.rows.append(_unchanged(name, lanes.get(f"{name}, unchanged"), base))
        if part.missed:
            part.profile = profiling.hint(
                bench,
                urls,
                lambda web: [bench.reading(web, path, connections=1)(0) for path in wanted.values()],
            )
    return part


def _unchanged(name: str, lane: Lane | None, base: Lane) -> Row:
    if lane is not None:
        return compared(lane, base, bar=UNCHANGED_OF_BARE)
    return Row(
        what=f"{name}, unchanged (304)",
        value=None,
        against=base.name,
        bar=UNCHANGED_OF_BARE,
        note="it does not answer 304 to the ETag it gave, or gives none",
    )


def etag_that_spares(web: Web, path: str) -> str | None:
    """The ETag of the page, if sending it back is answered with 304."""
    with urllib.request.urlopen(web.url + path, timeout=10) as answer:
        etag: str | None = answer.headers.get("ETag")
    if etag is None:
        return None
    request = urllib.request.Request(web.url + path, headers={"If-None-Match": etag})
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except urllib.error.HTTPError as answer:
        return etag if str(answer.code) == UNCHANGED else None
    return None
