"""Pages."""

from flask import Blueprint, current_app, render_template

from shop.formats import money

routes = Blueprint("shop", __name__)


@routes.get("/")
def index() -> str:
    products = current_app.config["storage"].products()
    return render_template("index.html", products=products, money=money)


@routes.get("/health")
def health() -> str:
    return "ok"
