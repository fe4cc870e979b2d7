"""Who may ask this server for anything: pages it served itself, on this machine.

A page elsewhere can make a browser send requests to 127.0.0.1, and a name of its own can be pointed there (DNS
rebinding). So the host asked for has to be this machine's own name, the page that asks has to be of the same host, and
no other page may show ours in a frame.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

HOSTS = ("127.0.0.1", "localhost", "::1")
MOST_ADDRESS = 40_000  # bytes of path and query: more than eight long schedules
_HEADERS = {
    # NiceGUI builds its pages by scripts of its own; what this forbids is everything from elsewhere.
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none';"
        " form-action 'self'; base-uri 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def error(kind: str, message: str) -> dict[str, Any]:
    """The shape of every error that is not a page.

    >>> error("ScheduleError", "warmup must be ...")
    {'error': {'kind': 'ScheduleError', 'message': 'warmup must be ...'}}
    """
    return {"error": {"kind": kind, "message": message}}


def refused(headers: dict[str, str], address: int) -> tuple[int, str] | None:
    """Why a request is refused, with its status; None if it may pass.

    Args:
        headers: of the request, by names in lower case.
        address: bytes of its path and query.

    >>> refused({"host": "127.0.0.1:8080", "origin": "https://elsewhere.example"}, 1)[0]
    403
    """
    host = headers.get("host", "")
    if _hostname(f"//{host}") not in HOSTS:
        return 403, f"host must be one of {', '.join(HOSTS)}; got {host[:80]!r}. Open the address that preheat printed."
    origin = headers.get("origin")
    if origin is not None and (urlsplit(origin).netloc != host or _hostname(origin) not in HOSTS):
        return 403, f"origin must be this page's own; got {origin[:80]!r}. Other pages may not ask this server."
    # Following a link is a navigation and harmless; fetches of other sites are not.
    foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
    if foreign and headers.get("sec-fetch-mode") != "navigate":
        return 403, "sec-fetch-site must be same-origin; got a request of another site. Open the page itself."
    if address > MOST_ADDRESS:
        return 414, f"address must be at most {MOST_ADDRESS} bytes; got {address}. Draw fewer schedules."
    return None


def _hostname(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:  # brackets that are no IPv6 address
        return None


class Guard:
    """ASGI middleware: refuses what :func:`refused` names, before anything else sees it."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request or web socket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        reason = refused(headers, len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b""))
        if reason is None:
            await self._app(scope, receive, _with_headers(send) if scope["type"] == "http" else send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": reason[1][:120]})
        else:
            await _refuse(send, *reason)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", ()), *own]}
        await send(message)

    return sending


async def _refuse(send: Send, status: int, message: str) -> None:
    body = json.dumps(error("RequestError", message)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
