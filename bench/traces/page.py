"""The public page of a box, for passers-by, beside the bare app's /healthz."""

from datetime import date
from typing import Any, Final

import wsgi
from bench.holds import load
from bench.holds.ground import Bench, Part
from bench.holds.load import HOW_TO_GET_WRK
from bench.holds.measure import Bar, Lane, Row, compared
from inventory import lots
from inventory.labels import accounts, designs, land, printing, serials
from marketplace import context, database, express
from marketplace.catalogue import products
from marketplace.catalogue.models import Cooperative, Pack
from marketplace.settings import Settings

CONNECTIONS: Final = 16
GTIN: Final = "09521234000013"
OF_HEALTHZ: Final = Bar(must=0.5)
PAGE, BARE = "the page of a box", "/healthz of the bare app"
NUMBERS: Final[dict[str, Any]] = {
    "ceiling_grams_per_hectare": 30_000_000,
    "overfill_permille": 10,
    "shrink_permille": 20,
    "provisional_permille": 300,
    "tolerance_permille": 5,
    "grades": ["A"],
}


def case(bench: Bench) -> Part:
    part = Part(title=f"The page of a box, {CONNECTIONS} connections")
    if load.installed() is None:
        part.rows.append(Row(what=PAGE, against=BARE, value=None, bar=OF_HEALTHZ, note=HOW_TO_GET_WRK))
        return part
    with bench.servers.copy("trace_page") as urls:
        serial = labelled(bench.servers.settings(urls, redis=False), bench)
        path = f"/boxes/{GTIN}/{serial}"
        with bench.servers.serve("trace_page", urls, redis=False) as web, bench.bare() as bare:
            lanes = [
                Lane(PAGE, bench.reading(web, path, connections=CONNECTIONS), ("200",)),
                Lane(BARE, bench.reading(bare, "/healthz", connections=CONNECTIONS), ("200",)),
            ]
            bench.interleave(part, lanes)
            part.rows.append(compared(*lanes, bar=OF_HEALTHZ, note="read from the chain every five seconds"))
    return part


def labelled(settings: Settings, bench: Bench) -> str:
    """A box of certified fruit, by the use cases; its serial."""
    app = wsgi.build(settings)
    with app.app_context():
        found = database.transact(lambda session: _box(session, bench))
        express.close_all(app)
    return found


def _box(session: Any, bench: Bench) -> str:
    ctx, world = context.system(), bench.world
    pack = session.get_one(Pack, world.pack_id)
    products.edit_pack(
        session,
        ctx,
        pack_id=pack.id,
        list_price_minor=pack.list_price_minor,
        currency=pack.currency,
        gtin=GTIN,
    )
    season = ctx.today.year
    county_id = session.get_one(Cooperative, world.cooperative_id).county_id
    area = land.create_area(
        session, ctx, county_id=county_id, code="YJ", name_en="Yijun Apples", name_zh="宜君苹果"
    )
    land.set_season(session, ctx, area_id=area.id, season=season, **NUMBERS)
    design = designs.add(
        session,
        ctx,
        area_id=area.id,
        season=season,
        name="box",
        media_type="application/pdf",
        data=b"%PDF-1.7\n",
    )
    land.certify(
        session, ctx, cooperative_id=world.cooperative_id, area_id=area.id, code="North", square_metres=10_000,
        valid_from=date(season, 1, 1), valid_until=date(season, 12, 31), certificate="GI-1",
    )  # fmt: skip
    lot = lots.receive(
        session, ctx, cooperative_id=world.cooperative_id, cold_store_id=world.cold_store_id, code="A1",
        variety="Fuji", grade="A", harvested_on=ctx.today, best_before_on=date(season + 1, 12, 31),
        quantity_grams=1_000_000, plot="North",
    )  # fmt: skip
    account = accounts.find(session, cooperative_id=world.cooperative_id, area_id=area.id, season=season)
    assert account is not None
    batch = printing.print_batch(
        session, ctx, account_id=account.id, pack_id=pack.id, design_id=design.id, labels_count=1
    )
    printing.issue(session, ctx, batch_id=batch.id)
    session.expire_all()
    serial: str = session.scalars(printing.labels_of(batch.id)).one().serial
    serials.bind(session, ctx, serials=[serial], lot_id=lot.id)
    return serial
