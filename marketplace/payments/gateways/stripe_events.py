"""What of an event of Stripe's can be read without its library: when it was signed, and what it is about. Pure."""

from typing import Any, Final

from marketplace.payments.gateways.interface import EventForged, EventSeen

SIGNATURE_LENGTH_MAX: Final = 2_000


def stamp_of(signature: str | None) -> int:
    """When it was signed, as the signature says once and plainly. Raises EventForged."""
    if not signature or len(signature) > SIGNATURE_LENGTH_MAX or not signature.isascii():
        raise EventForged
    stamps = [part.strip()[2:] for part in signature.split(",") if part.strip().startswith("t=")]
    if len(stamps) != 1 or not stamps[0].isdigit() or len(stamps[0]) > 12:
        raise EventForged
    return int(stamps[0])


def about(told: Any) -> EventSeen:
    try:
        about = told["data"]["object"]
        event_id, kind, about_id = told["id"], about["object"], about["id"]
        payment_ref = about_id if kind == "payment_intent" else about.get("payment_intent")
        words = (event_id, told["type"], kind, about_id)
    except (AttributeError, KeyError, TypeError):
        raise EventForged from None
    if isinstance(payment_ref, dict):
        payment_ref = payment_ref.get("id")
    if not all(_is_name(word) for word in (*words, *([] if payment_ref is None else [payment_ref]))):
        raise EventForged
    if told.get("object") != "event" or len(told["type"]) > 100 or len(kind) > 60:
        raise EventForged
    return EventSeen(
        event_id=event_id, type=told["type"], object_kind=kind, object_id=about_id, payment_ref=payment_ref
    )


def _is_name(told: Any) -> bool:
    """A word that can be stored, and found again."""
    return isinstance(told, str) and 0 < len(told) <= 255 and told.isprintable()
