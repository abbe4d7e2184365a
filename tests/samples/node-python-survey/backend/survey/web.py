"""Routes."""

from pathlib import Path

from aiohttp import web

from survey.answers import Answers
from survey.replies import reply

STATIC = Path(__file__).resolve().parents[1] / "static"


def application() -> web.Application:
    answers = Answers()

    async def scores(_: web.Request) -> web.Response:
        return reply(await answers.scores())

    async def add(request: web.Request) -> web.Response:
        await answers.add(int((await request.json())["score"]))
        return web.Response(status=201)

    app = web.Application()
    app.add_routes([web.get("/scores", scores), web.post("/answers", add), web.static("/static", STATIC)])
    return app


if __name__ == "__main__":
    web.run_app(application())
