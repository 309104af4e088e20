"""`whale audit`: search the audit trail of a server, for those who may."""

import click

from whale.cli.app import GlobalOptions
from whale.cli.audit_view import search_options, show
from whale.client.audit import search_audit
from whale.client.profile import environment, find_server

_EPILOG = """\b
Examples:
  whale audit --since 2h
  whale audit --by alice --container db
  whale audit --kind access.denied --format json
"""


@click.pass_obj
def _run(globals_: GlobalOptions, /, *, form: str, limit: int, **query: str) -> int:
    profile = find_server(**globals_._asdict(), environ=environment())
    show(search_audit(profile, {**query, "limit": str(limit)}), form)
    return 0


audit = click.Command(
    "audit",
    params=search_options(),
    callback=_run,
    help="""Search the audit trail: who asked for what in which container, and what became of it.

    Shows the newest of those that fit, the oldest first. The server's administrator decides who may.
    """,
    short_help="Search the audit trail.",
    epilog=_EPILOG,
)
