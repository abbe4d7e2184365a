"""The web application."""

from flask import Flask

from shop.config import Config
from shop.storage import Storage
from shop.views import routes


def create_app(config: Config | None = None) -> Flask:
    app = Flask(__name__)
    app.config["shop"] = config or Config.from_environ()
    app.config["storage"] = Storage(app.config["shop"].database)
    app.register_blueprint(routes)
    return app
