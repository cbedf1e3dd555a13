"""The smallest Flask app that answers JSON: what any endpoint of ours is measured against."""

from flask import Flask, Response, jsonify

app = Flask(__name__)


@app.route("/healthz")
@app.route("/v1/<path:_path>", methods=["GET", "POST"])
def answer(_path: str = "") -> Response:
    return jsonify(ok=True)
