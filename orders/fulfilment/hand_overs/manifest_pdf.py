"""The manifest as a paper that the cooperative and the carrier's driver sign: Chinese first, English below it."""

from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from inventory.epcis.identifiers import key_in
from marketplace.language import Text
from marketplace.pdf_page import Page
from orders.fulfilment.hand_overs.manifests import Line, Manifest

TITLE: Final = Text(en="Hand-over manifest", zh="交接清单")
COOPERATIVE: Final = Text(en="Cooperative", zh="合作社")
CARRIER: Final = Text(en="Carrier", zh="承运人")
REFERENCE: Final = Text(en="Carrier's reference", zh="承运方单号")
AT: Final = Text(en="Handed over at", zh="交接时间")
COLUMNS: Final = (
    Text(en="Pallet", zh="托盘"),
    Text(en="Parcel", zh="包裹"),
    Text(en="Tracking number", zh="运单号"),
    Text(en="Lot", zh="批次"),
    Text(en="Boxes", zh="箱数"),
    Text(en="Kilograms", zh="千克"),
)
TOTAL: Final = Text(en="Total", zh="合计")
UNDONE: Final = Text(en="undone, stayed here", zh="已撤销，未发出")
SIGNED: Final = (Text(en="Handed over by", zh="交付人签字"), Text(en="Taken over by", zh="承运人签字"))
DATE: Final = Text(en="Date", zh="日期")
_WIDTHS: Final = (38, 38, 40, 30, 16, 20)
_ALIGN: Final = ("LEFT", "LEFT", "LEFT", "LEFT", "RIGHT", "RIGHT")


def pdf_of(manifest: Manifest, cooperative: Text, zone: ZoneInfo, *, font: Path | None = None) -> bytes:
    """What was handed over, also what of it was undone since; nobody's name or address.

    `zone`: in which the moment is told. The same content gives the same bytes.
    """
    found = manifest.hand_over
    at = found.handed_over_at.astimezone(zone)
    page = Page(title=TITLE, number=str(found.id), day=at.date(), font=font)
    for name, value in (
        (COOPERATIVE, cooperative),
        (CARRIER, _same(found.carrier)),
        (REFERENCE, _same(found.reference)),
        (AT, _same(f"{at:%Y-%m-%d %H:%M %Z}")),
    ):
        page.head(name, value)
    rows: list[tuple[tuple[Text | str, ...], bool]] = [(_row(each), False) for each in manifest.lines]
    parcels = Text(en=f"{found.parcels} parcels", zh=f"{found.parcels} 个包裹")
    pallets = Text(en=f"{found.pallets} pallets", zh=f"{found.pallets} 个托盘")
    sums = (pallets, parcels, "", TOTAL, str(found.boxes), _kilograms(found.quantity_grams))
    rows.append((sums, True))
    page.table(COLUMNS, rows, widths=_WIDTHS, align=_ALIGN)
    page.signatures(SIGNED, date_=DATE)
    return page.bytes()


def _row(line: Line) -> tuple[Text | str, ...]:
    number = line.tracking_number or "" if line.undone_at is None else UNDONE
    return (
        "" if line.pallet_link is None else _digits(line.pallet_link),
        _digits(line.link),
        number,
        line.lot_code,
        str(line.parcel.boxes),
        _kilograms(line.parcel.quantity_grams),
    )


def _digits(link: str) -> str:
    """As they stand on the label: the SSCC of a Digital Link; what has none is told by its whole name."""
    key = key_in(link)
    return link if key is None or "00" not in key else key["00"]


def _kilograms(grams: int) -> str:
    whole, rest = divmod(grams, 1_000)
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".") if rest else str(whole)


def _same(text: str) -> Text:
    return Text(en=text, zh=text)
