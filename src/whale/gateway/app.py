"""The application: the route table, and the guard around all of it."""

from aiohttp import web

from whale.gateway import approvals, device, login, recordings, rest, sessions
from whale.gateway.audit import audit
from whale.gateway.can import can
from whale.gateway.context import CONTEXT, Context
from whale.gateway.guard import guard
from whale.gateway.logs import logs
from whale.gateway.shell import shell
from whale.gateway.tickets import tickets
from whale.model.limits import KIB

MAX_BODY = 64 * KIB
"""Largest request body; forms alone are read, which are much smaller."""

RECORDING = "/1.0/recordings/{reference:(?!search$)[^{}/]+}"
"""One recording; what is searched in all of them is another resource, with other methods."""


async def _name_nothing(request: web.Request, response: web.StreamResponse) -> None:
    """Say whale and not which framework of which version, which only helps who looks for holes."""
    del request
    response.headers["Server"] = "whale"


def create_app(context: Context) -> web.Application:
    """Build the application. The composition root runs it."""
    app = web.Application(middlewares=[guard], client_max_size=MAX_BODY)
    app[CONTEXT] = context
    app.on_response_prepare.append(_name_nothing)
    app.add_routes(
        [
            web.get("/1.0/shell", shell, allow_head=False),
            web.get("/1.0/version", rest.version, allow_head=False),
            web.get("/1.0/can", can, allow_head=False),
            web.get("/1.0/containers", rest.containers, allow_head=False),
            web.get("/1.0/containers/{reference}/logs", logs, allow_head=False),
            web.get("/1.0/sessions", sessions.sessions, allow_head=False),
            web.get("/1.0/sessions/{reference}", sessions.session, allow_head=False),
            web.delete("/1.0/sessions/{reference}", sessions.kill),
            web.get("/1.0/approvals", approvals.approvals, allow_head=False),
            web.post("/1.0/approvals/{id}/allow", approvals.allow),
            web.post("/1.0/approvals/{id}/deny", approvals.deny),
            web.get("/1.0/recordings", recordings.recordings, allow_head=False),
            web.get("/1.0/recordings/search", recordings.search, allow_head=False),
            web.get(RECORDING, recordings.recording, allow_head=False),
            web.get("/1.0/recordings/{reference}/events", recordings.events, allow_head=False),
            web.get("/1.0/recordings/{reference}/chunks/{number}", recordings.chunk, allow_head=False),
            web.get("/1.0/recordings/{reference}/proof", recordings.proof, allow_head=False),
            web.delete(RECORDING, recordings.delete),
            web.put("/1.0/recordings/{reference}/hold", recordings.hold),
            web.delete("/1.0/recordings/{reference}/hold", recordings.release),
            web.put("/1.0/recordings/{reference}/label", recordings.label),
            web.post("/1.0/tickets", tickets),
            web.get("/1.0/audit", audit, allow_head=False),
            web.post("/1.0/login/enrol", login.enrol),
            web.post("/1.0/login/refresh", login.refresh),
            web.post("/1.0/login/logout", login.logout),
            web.post("/1.0/login/exchange", login.exchange),
            web.post("/1.0/login/device", device.begin),
            web.post("/1.0/login/device/token", device.poll),
            web.get("/login", device.code, allow_head=False),
            web.post("/login", device.start),
            web.get("/login/callback", device.callback, allow_head=False),
            web.post("/login/confirm", device.confirm),
            web.get("/healthz", rest.healthz, allow_head=False),
            web.get("/readyz", rest.readyz, allow_head=False),
            web.get("/metrics", rest.metrics, allow_head=False),
        ]
    )
    return app
