"""The page and its four questions over HTTP, for the browser of this machine."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, FiniteFloat, ValidationError

from vaescope.errors import UserError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.middleware.base import RequestResponseEndpoint
    from starlette.requests import Request
    from starlette.responses import Response

    from vaescope.explore.explorer import Explorer

PAGE = Path(__file__).parent / "page"
LOCAL = ("127.0.0.1", "localhost", "::1")

# the browser itself refuses whatever the page would load from elsewhere
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class Question(BaseModel, extra="forbid"):
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


def application(explorer: Explorer, host: str = "127.0.0.1") -> Starlette:
    """Return the web application.

    A local ``host`` is answered under its own names alone, so that no page of another site can reach the model
    through a name that it lets point here.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    answers: dict[str, tuple[type[Question], Callable[..., dict[str, Any]]]] = {
        "start": (Question, explorer.start),
        "compare": (Compare, explorer.compare),
        "decode": (Decode, explorer.decode),
        "map": (Seen, explorer.map.seen),
    }
    lock = threading.Lock()
    routes = [
        *(Route(f"/api/{name}", _endpoint(*answer, lock), methods=["POST"]) for name, answer in answers.items()),
        Mount("/", StaticFiles(directory=PAGE, html=True)),
    ]
    allowed = ["127.0.0.1", "localhost", "[::1]"] if host in LOCAL else ["*"]
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=allowed),
        Middleware(BaseHTTPMiddleware, dispatch=_with_headers),
    ]
    return Starlette(routes=routes, middleware=middleware)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises:
        UserError: the port is taken or forbidden, or the host is none of this machine.
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
    """Answer until interrupted (Ctrl-C)."""
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


async def _with_headers(request: Request, answer: RequestResponseEndpoint) -> Response:
    response = await answer(request)
    response.headers.update(HEADERS)
    return response


def _endpoint(question: type[Question], answer: Callable[..., dict[str, Any]], lock: threading.Lock) -> Any:
    """The HTTP side of one question: a mistake of the question is an answer with status 400 and one line."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse

    def ask(body: bytes) -> JSONResponse:
        try:
            arguments = question.model_validate_json(body or b"{}").model_dump()
            # the model and the random state of its samples are shared
            with lock:
                return JSONResponse(answer(**arguments))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            return JSONResponse({"error": f"{place}: {first['msg']}" if place else first["msg"]}, status_code=400)
        except UserError as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    async def endpoint(request: Request) -> JSONResponse:
        return await run_in_threadpool(ask, await request.body())

    return endpoint
