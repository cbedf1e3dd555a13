"""The pages' answers, shared as the API's are: one statement for who asks in a moment, one text for who reads alike.

A text is right until a campaign on it opens or closes by the clock; it is made anew when the database says something
else. Pages are for passers-by, whoever asks.
"""

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import current_app, render_template

from campaigns import ending, shapes, showing
from campaigns.planning import CampaignNotFound
from campaigns.showing import Question
from campaigns.web import cards, seen, statements
from campaigns.web.reader import Reader
from marketplace import versions
from marketplace.language import Language
from marketplace.settings import Settings
from marketplace.steps import walk

REMEMBERED_MAX: Final = 200
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A page's text and its ETag, good from one moment to another while the database says the same."""

    raw: str
    since: datetime
    until: datetime
    text: str
    etag: str


def reader_of(language: Language, *, is_chosen: bool) -> Reader:
    settings: Settings = current_app.config["SETTINGS"]
    return Reader(language=language, is_chosen=is_chosen, zone=ZoneInfo(settings.notify_zone))


def listing(reader: Reader, *, now: datetime, before: uuid.UUID | None) -> Told:
    """What is on sale, comes, runs and is over; `before`: only what was over before this one."""
    about = statements.LIST if before is None else statements.OLDER
    question = Question(is_insider=False, about=about, cursor=before)

    def made(row: Any) -> str:
        found = cards.listed(row, reader, now=now)
        return render_template(
            "campaigns/list.html", reader=reader, language=reader.language, listed=found, before=before
        )

    return _told(question, reader, now, _rows_listed, made)


def one(reader: Reader, *, now: datetime, named: str) -> Told:
    """The page of the campaign with this id or code. Raises CampaignNotFound."""
    if _ID.fullmatch(named):
        question = Question(is_insider=False, about=statements.ONE_BY_ID, campaign_id=uuid.UUID(named))
    elif _CODE.fullmatch(named):
        question = Question(is_insider=False, about=statements.ONE_BY_CODE, code=named)
    else:
        raise CampaignNotFound

    def made(row: Any) -> str:
        page = seen.page(row, reader, now=now, reasons=ending.WHY)
        return render_template("campaigns/one.html", reader=reader, language=reader.language, page=page)

    return _told(question, reader, now, lambda row: [row["campaign"]], made)


def _rows_listed(row: Any) -> list[Any]:
    return [each for section in row.values() for each in section]


def _told(
    question: Question,
    reader: Reader,
    now: datetime,
    rows_of: Callable[[Any], list[Any]],
    made: Callable[[Any], str],
) -> Told:
    """Raises CampaignNotFound."""
    raw = walk(showing.ask(question))
    if raw is None:
        raise CampaignNotFound
    known: dict[tuple[Question, Reader], Told] = current_app.extensions.setdefault("campaign_pages_told", {})
    found = known.get((question, reader))
    if found is not None and found.raw == raw and found.since <= now < found.until:
        return found
    row = json.loads(raw)
    since, until = shapes.window_of(rows_of(row), now)
    text = made(row)
    told = Told(raw=raw, since=since, until=until, text=text, etag=versions.digest(text))
    if len(known) >= REMEMBERED_MAX:
        known.clear()
    known[question, reader] = told
    return told
