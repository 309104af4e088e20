"""Sets up logging: one line per event on stderr, as JSON or for people.

No line ever holds a token: `Secret` does not print, and as a second line of defence every finished line is
searched for whatever looks like a credential. Tracebacks never show local variables. Nor can text from outside
forge a line or move the cursor: control characters are escaped.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import Processor

from whale.model.text import printable

# Wider than a token: a damaged one, too long or cut, still has most of its secret.
_CREDENTIALS = re.compile(
    r"(?P<prefix>whale_)[0-9A-Za-z]{19,}"
    r"|(?P<scheme>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}",
    re.IGNORECASE,
)


def configure_logging(
    level: Literal["debug", "info", "warning", "error"],
    form: Literal["console", "json"],
    *,
    stream: TextIO | None = None,
) -> None:
    """Send all logs of the process, the libraries' too, to stderr or `stream`. Call once, before the first log.

    A logger made before this call works too, unless it has logged already.
    """
    target = sys.stderr if stream is None else stream
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        _ScrubbingFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _escape,
                _renderer(form, is_terminal=target.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    # Their information lines say nothing an operator needs, and one of them comes with every start.
    for name in ("alembic", "aiosqlite", "asyncio"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def bind_ids(**ids: str) -> AbstractContextManager[None]:
    """Add ids (session, principal, container) to every line logged inside the `with` block and its tasks."""
    return structlog.contextvars.bound_contextvars(**ids)


def scrub(text: str) -> str:
    """Replace what looks like a credential in a finished line."""
    return _CREDENTIALS.sub(lambda found: f"{found['prefix'] or found['scheme']}[removed]", text)


class _ScrubbingFormatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


def _renderer(form: Literal["console", "json"], *, is_terminal: bool) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer(default=repr)
    return structlog.dev.ConsoleRenderer(
        colors=is_terminal,
        # Without this it would print local variables where rich is installed.
        exception_formatter=structlog.dev.plain_traceback,
    )


def _escape(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: _printable(key, value) for key, value in event.items()}


def _printable(key: str, value: object) -> object:
    if isinstance(value, bool | int | float | None):
        return value
    text = value if isinstance(value, str) else repr(value)
    if key == "exception":
        return "\n".join(printable(line) for line in text.split("\n"))
    return printable(text)
