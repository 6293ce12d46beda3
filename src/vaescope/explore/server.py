"""The page and its four questions over HTTP, for the browser of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib.util
import math
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, FiniteFloat, ValidationError

from vaescope.checks import first_mistake
from vaescope.errors import UserError
from vaescope.explore.guard import Guard, protocol
from vaescope.reading import parse_json

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

    from vaescope.explore.explorer import Explorer

PAGE = Path(__file__).parent / "page"
LOCAL = ("127.0.0.1", "localhost", "::1")

MOST_WAITING = 100
"""Most questions that wait for the model; further ones get the answer to try again later."""

QUEUE_SECONDS = 60.0
"""How long a question waits for the model."""


class Question(BaseModel, extra="forbid", strict=True):
    """What the page may ask; each question is a method of ``Explorer`` with these arguments."""


class Compare(Question):
    """Two texts and the path between them."""

    a: str
    b: str
    steps: int = 7
    path: str = "linear"


class Decode(Question):
    """The text at a point."""

    z: list[FiniteFloat]


class Seen(Question):
    """The map from two directions."""

    view: Literal["units", "components"] = "units"


def require_extra() -> None:
    """Check that the web server is installed.

    Raises:
        UserError: it is not; with the command that installs it.
    """
    if not all(importlib.util.find_spec(package) for package in ("starlette", "uvicorn")):
        raise UserError("vaescope explore needs a web server: pip install 'vaescope[explore]'")


def application(explorer: Explorer, host: str = "127.0.0.1", token: str | None = None) -> Starlette:
    """Return the web application.

    A local ``host`` is answered under its own names alone, so that no page of another site can reach the model
    through a name that it lets point here. With a ``token``, only requests that carry it are answered.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    # the model and the random state of its samples are shared, so its questions are answered one after the other
    turn = Turn()
    routes = [
        Route("/api/start", _endpoint(Question, explorer.start, None), methods=["POST"]),
        Route("/api/map", _endpoint(Seen, explorer.map.seen, None), methods=["POST"]),
        Route("/api/compare", _endpoint(Compare, explorer.compare, turn), methods=["POST"]),
        Route("/api/decode", _endpoint(Decode, explorer.decode, turn), methods=["POST"]),
        Mount("/", StaticFiles(directory=PAGE, html=True)),
    ]
    allowed = ["127.0.0.1", "localhost", "[::1]"] if host in LOCAL else ["*"]
    middleware = [Middleware(Guard, token=token), Middleware(TrustedHostMiddleware, allowed_hosts=allowed)]
    return Starlette(routes=routes, middleware=middleware)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises:
        UserError: the port is taken or forbidden, or the host is not an address of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"port {port} of {host} is taken; give another with --port (0 takes a free one)") from error
        reason = error.strerror or error
        raise UserError(f"cannot listen on port {port} of {host}: {reason}; give another --port or --host") from error


def serve(app: Starlette, listening: socket.socket) -> None:
    """Serve until interrupted (Ctrl-C)."""
    import uvicorn

    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(settings(app)).run(sockets=[listening])


def settings(app: Starlette) -> Any:
    """Return how uvicorn serves the application: quietly, and with an end to every connection."""
    import uvicorn

    return uvicorn.Config(
        app,
        http=protocol(),
        ws="none",
        log_level="error",
        lifespan="off",
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
    )


class Turn:
    """The queue for the model, of a bounded length and time, without a thread for those who wait."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(1)
        self._waiting = 0

    async def __aenter__(self) -> None:
        if self._waiting >= MOST_WAITING:
            raise TimeoutError
        self._waiting += 1
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                await self._free.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        self._free.release()


def finite(answer: Any) -> Any:
    """Return an answer with None for each number that is not finite, since JSON has no such numbers.

    >>> finite({"log_p_z": float("-inf"), "z": [1.0]})
    {'log_p_z': None, 'z': [1.0]}
    """
    if isinstance(answer, dict):
        return {name: finite(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [finite(value) for value in answer]
    return None if isinstance(answer, float) and not math.isfinite(answer) else answer


def _endpoint(question: type[Question], answer: Callable[..., dict[str, Any]], turn: Turn | None) -> Any:
    """The HTTP side of one question: a mistake of the question is an answer with status 400 and one line."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse

    def arguments(body: bytes) -> dict[str, Any]:
        try:
            return question.model_validate(parse_json(body or b"{}")).model_dump()
        except ValidationError as error:
            raise UserError(str(first_mistake(error, "", question)).removeprefix(": ")) from error
        except ValueError as error:
            raise UserError("the question is not JSON") from error

    async def endpoint(request: Request) -> JSONResponse:
        try:
            asked = arguments(await request.body())
            async with turn or contextlib.nullcontext():
                return JSONResponse(finite(await run_in_threadpool(answer, **asked)))
        except UserError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except TimeoutError:
            return JSONResponse({"error": "the model is busy; ask again"}, status_code=503)

    return endpoint
