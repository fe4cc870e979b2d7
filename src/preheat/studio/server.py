"""The server: pages and files of one machine, for the one who started it."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from preheat.errors import ConfigError, PreheatError, RunError, missing_extra, refusal, system_words

try:
    from nicegui import app, ui
except ImportError:
    raise missing_extra("nicegui", "studio") from None
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from preheat.messages import _, data, joined
from preheat.messages.languages import speaking, tell
from preheat.studio.design import Design, label
from preheat.studio.frame import PAGES, language_of, visit
from preheat.studio.pages.audit import audit_page
from preheat.studio.pages.choosing import inside
from preheat.studio.pages.design import design_page
from preheat.studio.pages.plan import plan_page
from preheat.studio.pages.runs import runs_page
from preheat.studio.pages.studies import studies_page

# --- Who may ask this server for anything: pages it served itself, on this machine ----------------------------------
# A page elsewhere can make a browser send requests to 127.0.0.1, and a name of its own can be pointed there (DNS
# rebinding). So the host asked for has to be this machine's own name, the page that asks has to be of the same host,
# and no other page may show ours in a frame.


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
    """The shape of every error that is not a page: English, with what it is made of.

    >>> error("RunError", _("{name} is in use", name="a"))
    {'error': {'kind': 'RunError', 'message': 'a is in use', 'id': '{name} is in use', 'arguments': {'name': 'a'}}}
    """
    return {"error": {"kind": kind, "message": message, **data(message)}}


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
        rule = _("one of {known}", known=joined(", ", HOSTS))
        return 403, refusal("host", rule, host[:80], _("Open the address that preheat printed."))
    origin = headers.get("origin")
    if origin is not None and (urlsplit(origin).netloc != host or _hostname(origin) not in HOSTS):
        return 403, refusal("origin", _("this page's own"), origin[:80], _("Other pages may not ask this server."))
    # Following a link is a navigation and harmless; fetches of other sites are not.
    site = headers.get("sec-fetch-site")
    if site in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate":
        return 403, refusal("sec-fetch-site", _("same-origin"), site, _("Open the page itself."))
    if address > MOST_ADDRESS:
        rule = _("at most {most} bytes", most=MOST_ADDRESS)
        return 414, refusal("address", rule, address, _("Draw fewer schedules."))
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


# --- What can be downloaded: drawings of a design, and reports of runs and studies ----------------------------------


_KINDS = {"png": "image/png", "svg": "image/svg+xml", "csv": "text/csv; charset=utf-8"}
_MOST_ROWS = 2_000_000  # of a table


def curve_file(kind: str, query: str) -> Response:
    """The curves of a design as a picture or a table.

    Args:
        kind: ``png``, ``svg`` or ``csv``.
        query: the design, as its page has it in the address.

    Raises:
        ConfigError, ScheduleError, PlanError: for another kind, and for a design that cannot be.
        MissingExtraError: if matplotlib is not installed.
    """
    from preheat.view import plot, to_csv

    if kind not in _KINDS:
        raise ConfigError(
            refusal("kind", _("one of {known}", known=joined(", ", _KINDS)), kind, _("Download one of these."))
        )
    design = Design.from_query(parse_qsl(query, keep_blank_values=True))
    schedules = {label(design, index): design.schedule(index) for index in range(len(design.curves))}
    if kind == "csv":
        if design.updates > _MOST_ROWS:
            advice = _("Write it in Python, by preheat.view.to_csv.")
            raise ConfigError(
                refusal("updates", _("at most {most} in a table", most=_MOST_ROWS), design.updates, advice)
            )
        content = to_csv(schedules, updates=design.updates, lr=design.lr).encode()
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"curve.{kind}"
            plot(schedules, path=path, updates=design.updates, lr=design.lr, log=design.log)
            content = path.read_bytes()
    return Response(content, media_type=_KINDS[kind])


def report_file(folder: Path, kind: str, name: str) -> Response:
    """The report of a run or a study, written anew.

    Args:
        folder: where both are looked for.
        kind: ``run`` or ``study``.
        name: of its folder, below ``folder``.
    """
    from preheat.lab.studies import write_study_report as study_report
    from preheat.lab.training import write_run_report as run_report

    writers: dict[str, Callable[[Path], Path]] = {"run": run_report, "study": study_report}
    if kind not in writers:
        raise ConfigError(
            refusal("kind", _("one of {known}", known=joined(", ", writers)), kind, _("Open it from its page."))
        )
    place = inside(folder, name)
    if not place.is_dir():
        raise RunError(refusal(kind, _("a folder that is there"), name, _("Choose one on its page.")))
    return Response(writers[kind](place).read_bytes(), media_type="text/html; charset=utf-8")


# --- The server: pages and files of one machine, for the one who started it -----------------------------------------


HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Studio:
    """What a server shows.

    Attributes:
        folder: where runs and studies are looked for.
    """

    folder: Path


def serve(folder: Path, *, port: int = 8321, show: bool = True) -> None:
    """Serve the pages until interrupted.

    Args:
        folder: where runs and studies are looked for.
        port: on this machine alone, 0 to 65535; 0 takes a free one.
        show: open the browser.

    Raises:
        ConfigError: for a port that cannot be had, and a folder that is not there.
        MissingExtraError: if NiceGUI is not installed.
    """
    if not folder.is_dir():
        raise ConfigError(
            refusal("folder", _("a folder that is there"), str(folder), _("Name the one that holds runs."))
        )
    chosen = _free(port)
    register(Studio(folder.resolve()))
    address = f"http://{HOST}:{chosen}/"
    print(tell(_("preheat studio: {address} (Ctrl+C ends it)", address=address)), flush=True)
    ui.run(
        host=HOST, port=chosen, title="preheat studio", show=show, reload=False, dark=None,
        show_welcome_message=False, reconnect_timeout=10.0, favicon=_ICON,
    )  # fmt: skip


def _free(port: int) -> int:
    """The port, if it can be had; a free one for 0."""
    if not 0 <= port <= 65535:
        raise ConfigError(refusal("port", _("0 to 65535"), port, _("0 takes a free one.")))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            advice = _("Take another with --port, or --port 0 ({problem}).", problem=system_words(error))
            raise ConfigError(refusal("port", _("free"), port, advice)) from None
        return int(probe.getsockname()[1])


_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M1 14 L5 3 Q10 3 15 13" fill="none"'
    ' stroke="#c2410c" stroke-width="2"/></svg>'
)


# --- Pages and files under their addresses --------------------------------------------------------------------------


def register(studio: Studio) -> None:
    """Give NiceGUI's application its pages, files, guard and errors."""
    app.add_middleware(Guard)

    @ui.page(PAGES["design"])
    def design(request: Request) -> None:
        design_page(visit("design", request))

    @ui.page(PAGES["plan"])
    def plan(request: Request) -> None:
        plan_page(visit("plan", request))

    @ui.page(PAGES["runs"])
    def runs(request: Request) -> None:
        runs_page(visit("runs", request), studio.folder)

    @ui.page(PAGES["studies"])
    def studies(request: Request) -> None:
        studies_page(visit("studies", request), studio.folder)

    @ui.page(PAGES["audit"])
    def audit(request: Request) -> None:
        audit_page(visit("audit", request))

    @app.get("/design/curve.{kind}")
    def curve(kind: str, request: Request) -> Response:
        with speaking(language_of(request)):
            return curve_file(kind, request.url.query)

    @app.get("/report/{kind}")
    def report(kind: str, request: Request, name: str = "") -> Response:
        with speaking(language_of(request)):
            return report_file(studio.folder, kind, name)

    @app.exception_handler(PreheatError)
    async def refused(_unused: Request, problem: PreheatError) -> Response:
        return JSONResponse(error(type(problem).__name__, problem.args[0]), 400)

    @app.exception_handler(HTTPException)
    async def failed(_unused: Request, problem: HTTPException) -> Response:
        return JSONResponse(error("RequestError", str(problem.detail)), problem.status_code)

    @app.exception_handler(404)
    async def missing(request: Request, _unused: Exception) -> Response:
        rule = _("one of {known}", known=joined(", ", PAGES.values()))
        message = refusal("address", rule, request.url.path[:200], _("Go to /."))
        return JSONResponse(error("RequestError", message), 404)
