"""The web service."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from ledger import report
from ledger.assets import asset_path
from ledger.orders import BadOrders, read_orders
from ledger.store import Store

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def create_app(store: Store | None = None) -> Flask:
    """The application; tests give their own store."""
    app = Flask(__name__)
    orders = store or Store()

    @app.context_processor
    def helpers() -> dict[str, object]:
        static = Path(app.static_folder or "")
        return {"asset": lambda name: url_for("static", filename=asset_path(static, name))}

    @app.get("/")
    def index() -> str:
        rows = orders.all()
        return render_template(
            "index.html", weeks=report.weekly(rows), best=report.best_customers(rows), error=None
        )

    @app.post("/orders")
    def upload() -> BaseResponse | tuple[str, int]:
        file = request.files.get("file")
        try:
            orders.add(read_orders(file.read().decode() if file else ""))
        except (BadOrders, UnicodeDecodeError) as error:
            weeks = report.weekly(orders.all())
            return render_template("index.html", weeks=weeks, best=[], error=str(error)), 400
        return redirect(url_for("index"))

    @app.get("/chart.png")
    def chart() -> Response:
        return Response(report.chart(report.weekly(orders.all())), mimetype="image/png")

    @app.get("/weeks.xlsx")
    def workbook() -> Response:
        return Response(report.workbook(report.weekly(orders.all())), mimetype=EXCEL)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok", "commit": os.environ.get("GIT_COMMIT", "unknown")}

    return app
