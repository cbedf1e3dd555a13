"""The smallest Flask app that stores the events of a document: one INSERT of their JSON, on a kept connection."""

import json
import os
import threading
from typing import Any, Final

import psycopg
from flask import Flask, Response, jsonify, request

from marketplace.values import new_id

PATH: Final = "/v1/capture"
TABLE: Final = """
    CREATE TABLE bare_event (id uuid PRIMARY KEY, body jsonb NOT NULL);
    GRANT INSERT, SELECT ON bare_event TO marketplace_app
    """
INSERT: Final = "INSERT INTO bare_event SELECT * FROM unnest(%s::uuid[], %s::jsonb[])"
app = Flask(__name__)
_own = threading.local()


def _connection() -> psycopg.Connection[Any]:
    if not hasattr(_own, "connection"):
        url = os.environ["DATABASE_URL"].replace("postgresql+psycopg://", "postgresql://", 1)
        _own.connection = psycopg.connect(url, autocommit=True)
    found: psycopg.Connection[Any] = _own.connection
    return found


@app.get("/healthz")
def alive() -> Response:
    return jsonify(ok=True)


@app.post(PATH)
def take_in() -> tuple[Response, int]:
    events = request.get_json()["epcisBody"]["eventList"]
    ids, bodies = [new_id() for _ in events], [json.dumps(each) for each in events]
    _connection().execute(INSERT, [ids, bodies])
    return jsonify(taken=len(events)), 202
