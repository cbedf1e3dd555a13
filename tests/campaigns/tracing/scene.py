"""A campaign of certified fruit whose parcels bear labels, and what phones read of its boxes."""

import re
from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from inventory.provenance.telling import CONTEXT
from inventory.traces import recording
from marketplace import database
from marketplace.context import Context
from orders.fulfilment.models import Parcel
from tests.builders import Market
from tests.campaigns.fulfilment import stage
from tests.campaigns.fulfilment.stage import Sending
from tests.campaigns.web import html
from tests.house import Caller
from tests.labels import grove as groves
from tests.labels.grove import GTIN, Grove

WATERFALL = {
    "orchard_minor": 3_200,
    "cold_store_minor": 400,
    "packing_minor": 500,
    "freight_minor": 900,
    "commission_minor": 200,
}


@dataclass(slots=True, kw_only=True)
class Scene:
    sending: Sending
    grove: Grove
    labels: dict[str, list[str]]
    """Of each parcel."""

    @property
    def market(self) -> Market:
        return self.sending.market

    @property
    def ctx(self) -> Context:
        return self.market.ctx

    @property
    def serial(self) -> str:
        return next(iter(self.labels.values()))[0]

    @property
    def parcel(self) -> Parcel:
        """The one with that box."""
        return self.market.stored(Parcel, next(iter(self.labels)))

    def get(self, path: str, **headers: str) -> TestResponse:
        """As a phone without a session asks."""
        return self.market.app.test_client().get(path, headers=headers)

    def page(self, path: str, language: str = "en") -> html.Read:
        answer = self.get(path, **{"Accept-Language": language, "Accept": "text/html"})
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return html.read(answer.text)

    def told(self, path: str, language: str = "en") -> str:
        return re.sub(r"\s+", " ", self.page(path, language).one("main").text)

    def box_told(self, language: str = "en") -> str:
        self.forget()
        return self.told(f"/boxes/{GTIN}/{self.serial}", language)

    def forget(self) -> None:
        """As if the texts that are kept for a moment were old."""
        self.market.app.extensions.pop("trace_pages_told", None)


def build(market: Market, operator: Caller) -> Scene:
    grove = groves.build(market)
    for number in range(len(market.cooperative_ids)):
        grove.plot(cooperative=number)
    grown = {"plot": "North", "harvested_on": grove.harvested_on}
    sending = stage.closed(market, operator, orders=(3, 2), grown=grown, item={"waterfall": WATERFALL})
    sending.released()
    labels: dict[str, list[str]] = {}
    for parcel in sending.parcels():
        place = [str(each) for each in market.cooperative_ids].index(parcel["cooperative_id"])
        labels[parcel["id"]] = grove.issued(parcel["boxes"], cooperative=place)
        answer = sending.step(parcel, "labels", serials=labels[parcel["id"]])
        assert answer.status_code == 200, answer.json
    return Scene(sending=sending, grove=grove, labels=labels)


def record(scene: Scene, *events: dict[str, Any]) -> None:
    database.transact(
        lambda session: recording.record(
            session, scene.ctx, county_id=scene.market.county_id, events=events, context=CONTEXT
        )
    )
