"""Events of a payment service at the door: signed, stored once, audited, their job put in; beside a bare INSERT.

Both apps run under the same gunicorn and get the same bodies. Workers are off: what is measured is the way to the
answer, after which the payment service is content.
"""

import hashlib
import hmac
import json
import secrets
import time
from pathlib import Path
from typing import Final

from bench.holds import load, seed
from bench.holds.ground import SHOWN, Bench, Part
from bench.holds.load import HOW_TO_GET_WRK, Sample
from bench.holds.measure import Bar, Lane, Row, compared
from bench.holds.server import Web
from bench.money import bare

CONNECTIONS: Final = 16
EVENTS: Final = "events"
PLAIN: Final = "bare INSERT of the same event"
OF_BARE: Final = Bar(must=0.25)
PER_SECOND_MAX: Final = 4_000
"""No door here is faster: so many events are signed for each second, and none comes twice."""
SCRIPT: Final = str(Path(__file__).with_name("intake.lua"))
BARE: Final = "bench.money.bare:app"


def case(bench: Bench) -> Part:
    part = Part(title=f"Events of a payment service at the door, {CONNECTIONS} connections")
    if load.installed() is None:
        part.rows.append(Row(what=EVENTS, against=PLAIN, value=None, bar=OF_BARE, note=HOW_TO_GET_WRK))
        return part
    secret = f"whsec_{secrets.token_hex(16)}"
    keys = {"STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(16)}", "STRIPE_WEBHOOK_SECRET": secret}
    with (
        bench.servers.copy("money_intake") as urls,
        bench.servers.copy("money_intake_bare") as bare_urls,
    ):
        with seed.connect(bare_urls.owner_url) as owner:
            for statement in bare.TABLE.split(";"):
                owner.execute(statement)
        with (
            bench.servers.serve("money_intake", urls, redis=False, WORKER_EMBEDDED="false", **keys) as web,
            bench.servers.serve(
                "money_intake_bare", bare_urls, app=BARE, redis=False, WORKER_EMBEDDED="false"
            ) as other,
        ):
            lanes = [
                Lane(name, lambda _, web=web: sent(bench, web, secret), (SHOWN,))
                for name, web in ((EVENTS, web), (PLAIN, other))
            ]
            bench.interleave(part, lanes)
            part.rows.append(compared(*lanes, bar=OF_BARE, note="signed, stored once, audited, with its job"))
        with seed.connect(urls.owner_url) as owner:
            [stored, waiting] = owner.execute(
                "SELECT (SELECT count(*) FROM provider_event),"
                " (SELECT count(*) FROM job WHERE name = 'payments.handle_event')"
            ).fetchone() or (0, 0)
        taken = lanes[0].statuses().get(SHOWN, 0)
        if not stored == waiting >= taken:
            part.wrong.append(f"{taken} events were taken, {stored} are stored, {waiting} have a job")
    return part


def sent(bench: Bench, web: Web, secret: str) -> Sample:
    """Fresh events for so many seconds."""
    file = bench.servers.folder / "events.txt"
    file.write_text("".join(signed(secret, round(bench.seconds + 1) * PER_SECOND_MAX)))
    return load.run(SCRIPT, web.url, file, connections=CONNECTIONS, seconds=bench.seconds)


def signed(secret: str, count: int) -> list[str]:
    """Lines of a signature and a body, as the payment service makes them; each event is another one."""
    stamp, label = int(time.time()), secrets.token_hex(6)
    lines = []
    for number in range(count):
        about = {"id": f"cus_{label}{number:08}", "object": "customer"}
        event = {"id": f"evt_{label}{number:08}", "object": "event", "type": "customer.created"}
        body = json.dumps(event | {"data": {"object": about}, "livemode": False, "api_version": "2026-10-28"})
        digest = hmac.new(secret.encode(), f"{stamp}.{body}".encode(), hashlib.sha256).hexdigest()
        lines.append(f"t={stamp},v1={digest}\t{body}\n")
    return lines
