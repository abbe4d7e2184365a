"""From a CSV file to a page."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ledger.assets import collect, squeeze
from ledger.orders import BadOrders, read_orders
from ledger.report import best_customers, weekly
from ledger.store import Store
from ledger.web import create_app

EXAMPLE = (Path(__file__).parents[1] / "data" / "example.csv").read_text()


def test_weeks_without_orders_are_zero() -> None:
    assert weekly(read_orders(EXAMPLE))["revenue"].tolist() == [195.5, 310.1, 0.0, 60.75]


def test_best_customers_come_first() -> None:
    assert best_customers(read_orders(EXAMPLE), 2) == [("Albers", 430.6), ("Brandt", 75.0)]


def test_bad_line_is_named() -> None:
    with pytest.raises(BadOrders, match="line 2: amount"):
        read_orders("number,day,customer,amount\n1,2025-01-01,A,-3\n")


def test_assets_get_names_from_content(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("/* x */\nb { }\n")
    manifest = collect(tmp_path, tmp_path / "dist")
    assert (tmp_path / "dist" / manifest["a.css"]).read_text() == squeeze("b { }")


def test_upload_shows_on_the_page(tmp_path: Path) -> None:
    client = create_app(Store(f"sqlite:///{tmp_path}/t.db")).test_client()
    assert b"No orders yet" in client.get("/").data
    sent = client.post("/orders", data={"file": (io.BytesIO(EXAMPLE.encode()), "example.csv")})
    assert sent.status_code == 302
    assert b"Albers: 430.60" in client.get("/").data
    assert client.get("/chart.png").data.startswith(b"\x89PNG")
    assert client.get("/weeks.xlsx").data.startswith(b"PK")
    assert client.get("/health").json == {"status": "ok", "commit": "unknown"}
