"""Events doubled, shuffled, forged, into an outage and between two crashes end as once and in order."""

from pathlib import Path

from marketplace.embedded import redis_server
from tests.attacks import flood
from tests.attacks.dumps import differences
from tests.attacks.ground import laid_out
from tests.attacks.marked import private


def test_events_as_bad_as_they_come_end_as_once_in_order(tmp_path: Path) -> None:
    with private() as (urls, folder), laid_out(urls, folder) as ground:
        ordered = flood.in_order(flood.filled(ground, flood.QUICK, flood.silent_step))
        assert ground.broken() == []
    redis = redis_server.start(folder=tmp_path / "redis")
    try:
        with private() as (urls, folder), laid_out(urls, folder, webs=2, redis_url=redis.url) as ground:
            flooded = flood.filled(ground, flood.QUICK, flood.silent_step)
            found = flood.flooded(flooded, flood.QUICK, redis, flood.silent_step)
            assert ground.broken() == []
    finally:
        redis.stop()
    assert differences(found, ordered) == []
    assert flooded.events >= 4 * flood.QUICK.payments
    for what in ("to two at once", "not taken", "during an outage", "stored when Redis died", "jobs lost"):
        assert flooded.sent[what] > 0, what
    states = {(row[2], row[5]) for row in found["orders"]}
    assert states == {("committed", "consumed"), ("deposit_due", "converting"), ("withdrawn", "released")}
    assert {row[5] for row in found["refunds"]} == {"paid"}
