"""The smallest Flask app that stores an event: one INSERT of its id and type, committed, on a kept connection."""

from typing import Final

from flask import Flask, Response, jsonify, request

from bench.kept import connection
from marketplace.values import new_id

TABLE: Final = """
    CREATE TABLE bare_event (id uuid PRIMARY KEY, event_id text, type text, received_at timestamptz);
    GRANT INSERT, SELECT ON bare_event TO marketplace_app
    """
INSERT: Final = "INSERT INTO bare_event VALUES (%s, %s, %s, clock_timestamp())"
app = Flask(__name__)


@app.get("/healthz")
def alive() -> Response:
    return jsonify(ok=True)


@app.post("/v1/webhooks/stripe")
def take_in() -> Response:
    told = request.get_json()
    connection().execute(INSERT, [new_id(), told["id"], told["type"]])
    return jsonify(is_new=True)
