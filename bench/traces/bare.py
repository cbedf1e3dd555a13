"""The smallest Flask app that stores the events of a document: one INSERT of their JSON, on a kept connection."""

import json
from typing import Final

from flask import Flask, Response, jsonify, request

from bench.kept import connection
from marketplace.values import new_id

PATH: Final = "/v1/capture"
TABLE: Final = """
    CREATE TABLE bare_event (id uuid PRIMARY KEY, body jsonb NOT NULL);
    GRANT INSERT, SELECT ON bare_event TO marketplace_app
    """
INSERT: Final = "INSERT INTO bare_event SELECT * FROM unnest(%s::uuid[], %s::jsonb[])"
app = Flask(__name__)


@app.get("/healthz")
def alive() -> Response:
    return jsonify(ok=True)


@app.post(PATH)
def take_in() -> tuple[Response, int]:
    events = request.get_json()["epcisBody"]["eventList"]
    ids, bodies = [new_id() for _ in events], [json.dumps(each) for each in events]
    connection().execute(INSERT, [ids, bodies])
    return jsonify(taken=len(events)), 202
