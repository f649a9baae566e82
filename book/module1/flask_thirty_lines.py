"""A model behind an API in thirty lines: readable, and wrong in three ways.

Run it as `python flask_thirty_lines.py MODEL_FOLDER PORT`.
"""

import sys
from pathlib import Path

import numpy as np
import skops.io
from flask import Flask, Response, jsonify, request


def create_app(folder: str) -> Flask:
    """Load the model in a folder and put it behind one address."""
    model = skops.io.load(Path(folder) / "model.skops")
    app = Flask(__name__)

    @app.post("/predict")
    def predict() -> Response:
        row = request.get_json()["row"]
        features = np.array([row])
        probability = model.predict_proba(features)[0, 1]
        return jsonify(probability=float(probability))

    return app


if __name__ == "__main__":
    create_app(sys.argv[1]).run(port=int(sys.argv[2]))
