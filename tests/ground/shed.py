"""A small module to test the ground with: its doors do what the test tells them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from marshmallow import Schema, fields
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from marketplace import audit, context, database, errors
from marketplace.access import ACCESS, EVERYONE, Access, Role
from marketplace.app import create_app
from marketplace.database import db, reading
from marketplace.door import Blueprint
from marketplace.fields import Line, Whole
from marketplace.ground import module as ground
from marketplace.language import Text
from marketplace.module import Module
from marketplace.settings import Settings

OPEN = Access(roles=EVERYONE)
DOORS = {
    "shed.put_boxes": OPEN,
    "shed.mark": OPEN,
    "shed.look": OPEN,
    "shed.count": OPEN,
    "shed.guarded": Access(roles=frozenset({Role.OPERATOR})),
}
BODY = {"name": "Fuji", "boxes": 3}


class ShedFull(errors.Conflict):
    """The test's shed takes no more."""

    title = Text(en="The shed is full.", zh="库房已满。")


class PutBoxes(Schema):
    name = Line(required=True)
    boxes = Whole(required=True, low=1, high=100)


class BoxesInShed(Schema):
    name = fields.String()
    boxes = fields.Integer()
    version = fields.Integer()


def put(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """What the doors do unless told otherwise: leave one trace and answer."""
    audit.record(session, context.current(), "shed.put", subject=("shed", body["name"]), after=body)
    return {**body, "version": 7}


@dataclass
class Shed:
    """`act` is the work of the writing doors, `see` that of the reading one."""

    app: Flask = field(init=False)
    act: Callable[[Session, dict[str, Any]], Any] = put
    see: Callable[[Session], Any] = lambda session: session.scalar(select(1))

    def post(
        self, body: Any = None, *, key: str | None = None, path: str = "boxes", **options: Any
    ) -> TestResponse:
        headers = {**({"Idempotency-Key": key} if key else {}), **options.pop("headers", {})}
        if "data" not in options:
            options["json"] = BODY if body is None else body
        return self.app.test_client().post(f"/v1/shed/{path}", headers=headers, **options)

    def get(self, path: str = "/v1/shed/boxes", **options: Any) -> TestResponse:
        return self.app.test_client().get(path, **options)

    def effects(self) -> int:
        """How often the work was really stored."""
        with self.app.app_context(), reading() as session:
            statement = select(func.count()).where(audit.AuditEntry.action == "shed.put")
            return session.scalar(statement) or 0


def module_of(shed: Shed) -> Module:
    doors = Blueprint("shed", __name__, url_prefix="/shed")

    @doors.post("/boxes")
    @doors.arguments(PutBoxes)
    @doors.problems(ShedFull)
    @doors.writes(201, BoxesInShed, location=lambda made: f"/v1/shed/{made['boxes']}")
    def put_boxes(session: Session, body: dict[str, Any]) -> Any:
        """Put boxes 入库"""
        return shed.act(session, body)

    @doors.post("/marks")
    @doors.arguments(PutBoxes)
    @doors.writes(200, BoxesInShed, key=False)
    def mark(session: Session, body: dict[str, Any]) -> Any:
        """Mark boxes, without a key 标记"""
        return shed.act(session, body)

    @doors.get("/boxes")
    @doors.response(200, BoxesInShed)
    def look() -> Any:
        """Look 查看"""
        with reading() as session:
            shed.see(session)
        return {"boxes": 1}

    @doors.get("/numbers/<int:number>")
    @doors.response(200, BoxesInShed)
    def count(number: int) -> Any:
        """Count 计数"""
        return {"boxes": number}

    @doors.get("/guarded")
    @doors.response(200, BoxesInShed)
    def guarded() -> Any:
        """Operators only 仅限运营"""
        return {"boxes": 1}

    return Module(name="shed", blueprints=(doors,))


@contextmanager
def built(settings: Settings) -> Iterator[Shed]:
    """A shed in an app of its own."""
    shed = Shed()
    with pytest.MonkeyPatch.context() as patch:
        for endpoint, access in DOORS.items():
            patch.setitem(ACCESS, endpoint, access)
        shed.app = create_app(settings, [ground, module_of(shed)])
        try:
            yield shed
        finally:
            with shed.app.app_context():
                database.db.session.remove()
                db.engine.dispose()
