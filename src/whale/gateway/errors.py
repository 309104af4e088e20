"""Errors on their way out: one JSON shape, statuses from the one table, nothing of the inside."""

from typing import Final

import msgspec
from aiohttp import web

from whale.model.errors import TooManyAttempts, WhaleError
from whale.model.outcomes import outcome_of

JSON_HEADERS: Final = {"Content-Type": "application/json", "Cache-Control": "no-store"}

_FRAMEWORK_CODES = {404: "not_found", 405: "method_not_allowed", 413: "protocol.too_big"}


class ErrorBody(msgspec.Struct):
    """What a client reads of an error."""

    code: str
    message: str
    hint: str


def error_response(error: WhaleError) -> web.Response:
    """Make the response for an error of ours."""
    headers = {"WWW-Authenticate": "Bearer"} if outcome_of(error.code).http == 401 else {}
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(error.retry_after)
    return json_response({"error": ErrorBody(error.code, error.message, error.hint)}, error.code, headers)


def json_response(body: object, code: str = "", headers: dict[str, str] | None = None) -> web.Response:
    """Encode a body as JSON; `code` is an error code, empty for success."""
    return web.Response(
        body=msgspec.json.encode(body),
        status=outcome_of(code).http if code else 200,
        headers={**JSON_HEADERS, **(headers or {})},
    )


def from_framework(error: web.HTTPException) -> WhaleError:
    """Translate what the web framework raises by itself, once and here."""
    code = _FRAMEWORK_CODES.get(error.status, "usage" if error.status < 500 else "internal")
    texts = {
        "not_found": ("no such address", "openapi.yaml lists all"),
        "method_not_allowed": ("the address exists, the method is not for it", "openapi.yaml lists all"),
        "protocol.too_big": ("the request is too big", ""),
        "usage": ("the request makes no sense as it stands", ""),
    }
    message, hint = texts.get(code, ("a fault in the server", "its log has the details"))
    return WhaleError(message, code=code, hint=hint)
