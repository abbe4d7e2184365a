"""JSON, fast."""

import orjson
from aiohttp import web


def reply(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")
