"""The guard of the explorer: who may send requests, how large they may be, and how long a connection may last."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from vaescope.errors import UserError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 64 * 1024
"""The largest body of a question: two long texts, or a point of thousands of units."""

BODY_SECONDS = 10.0
"""How long the body of a question may take to arrive."""

COOKIE = "vaescope"
HEADERS = {
    # the browser refuses to load anything from other servers
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


class RefusedError(UserError):
    """A request that is refused, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Guard:
    """ASGI middleware that lets through what the page itself asks.

    A question is a POST of JSON from the page's own origin, so that no page of another site can make the browser ask
    one. Its body is bounded in size and time. Where there is a ``token``, it must be in the address (``?token=...``)
    or in the cookie that the first such request sets.
    """

    def __init__(self, app: ASGIApp, token: str | None = None) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it in one line."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        extra = dict(HEADERS)
        try:
            if self.token is not None and self._proves(scope, headers):
                extra["Set-Cookie"] = f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/"
            if scope["method"] == "POST":
                check_origin(headers)
                receive = _once(await read_body(headers, receive))
        except RefusedError as refused:
            await _refuse(refused, extra, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_encoded(extra.items())]
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _proves(self, scope: Scope, headers: dict[str, str]) -> bool:
        """Return whether the address brings the token; a cookie that does needs no new one.

        Raises:
            RefusedError: neither does.
        """
        token = self.token or ""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if secrets.compare_digest(given.encode(), token.encode()):
            return True
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            morsel = None
        if morsel is None or not secrets.compare_digest(morsel.value.encode(), token.encode()):
            raise RefusedError(403, "open the whole address that vaescope explore printed, with its token")
        return False


def check_origin(headers: dict[str, str]) -> None:
    """Refuse a question that is no JSON, or that the page of another site asks.

    Raises:
        RefusedError: the status 403 or 415.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if (origin is not None and urlsplit(origin).netloc != headers.get("host")) or site not in (None, "same-origin"):
        raise RefusedError(403, "only the page of this explorer may ask")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "a question is JSON; set the header Content-Type: application/json")


async def read_body(headers: dict[str, str], receive: Receive) -> bytes:
    """Return the body of a question.

    Raises:
        RefusedError: it is larger than a question can be, or takes too long.
    """
    too_large = RefusedError(413, f"a question has at most {MOST_BYTES:,} bytes")
    stated = headers.get("content-length", "0")
    if not stated.isdecimal() or int(stated[:20]) > MOST_BYTES:
        raise too_large
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RefusedError(400, "the connection was closed")
                body += message.get("body", b"")
                if len(body) > MOST_BYTES:
                    raise too_large
                if not message.get("more_body", False):
                    return body
    except TimeoutError as error:
        raise RefusedError(408, f"the question did not arrive within {BODY_SECONDS:g} seconds") from error


def _once(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _refuse(refused: RefusedError, extra: dict[str, str], send: Send) -> None:
    body = json.dumps({"error": str(refused)}).encode()
    # what is left of the request is not read
    plain = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    headers = [*_encoded(plain.items()), *_encoded(extra.items())]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def protocol() -> Any:
    """Return the HTTP protocol of uvicorn with an end to every connection that only waits.

    uvicorn itself waits forever for a request that never arrives and for a client that never reads.
    """
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Bounded(H11Protocol):
        """Closes a connection without a request in time, and the longest idle one where there are too many."""

        idle_seconds, answer_seconds, most = 10.0, 120.0, 256

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._deadline: asyncio.TimerHandle | None = None
            self._arm()
            if len(self.connections) > self.most:
                others = [c for c in self.connections if isinstance(c, Bounded) and c.idle]
                min(others, key=lambda c: c.since, default=self).transport.abort()

        @property
        def idle(self) -> bool:
            """Whether no response is in progress."""
            return self.cycle is None or self.cycle.response_complete

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._arm()

        def connection_lost(self, exc: Exception | None) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
            super().connection_lost(exc)

        def _arm(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
            self.since = self.loop.time()
            self._deadline = self.loop.call_later(self.idle_seconds, self._look)

        def _look(self) -> None:
            late = self.loop.time() - self.since > self.answer_seconds
            if self.idle or late:
                self.transport.abort()
            else:
                self._deadline = self.loop.call_later(self.answer_seconds, self._look)

    return Bounded
