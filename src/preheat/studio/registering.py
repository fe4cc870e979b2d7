"""Pages and files under their addresses."""

from __future__ import annotations

from nicegui import app, ui
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from preheat.errors import PreheatError
from preheat.studio.files import curve_file, report_file
from preheat.studio.frame import PAGES, visit
from preheat.studio.guard import Guard, error
from preheat.studio.pages.audit import audit_page
from preheat.studio.pages.design import design_page
from preheat.studio.pages.plan import plan_page
from preheat.studio.pages.runs import runs_page
from preheat.studio.pages.studies import studies_page
from preheat.studio.server import Studio


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
        return curve_file(kind, request.url.query)

    @app.get("/report/{kind}")
    def report(kind: str, name: str = "") -> Response:
        return report_file(studio.folder, kind, name)

    @app.exception_handler(PreheatError)
    async def refused(_: Request, problem: PreheatError) -> Response:
        return JSONResponse(error(type(problem).__name__, str(problem)), 400)

    @app.exception_handler(HTTPException)
    async def failed(_: Request, problem: HTTPException) -> Response:
        return JSONResponse(error("RequestError", str(problem.detail)), problem.status_code)

    @app.exception_handler(404)
    async def missing(request: Request, _: Exception) -> Response:
        message = f"address must be one of {', '.join(PAGES.values())}; got {request.url.path[:200]!r}. Go to /."
        return JSONResponse(error("RequestError", message), 404)
