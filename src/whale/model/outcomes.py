"""One table: what an error code means to HTTP, to a WebSocket and to a shell.

Doors and the command line look here and decide nothing themselves, so that the same failure never has two
meanings. docs/reference/errors.md shows the table; a test keeps the two equal.
"""

from typing import NamedTuple

EXIT_WHALE_FAILED = 125
"""Exit status of the command line for a failure of whale itself, as `docker run` uses it."""


class Outcome(NamedTuple):
    """How one error code looks at each door."""

    http: int
    close: int
    """WebSocket close code, RFC 6455 section 7.4.2: 4000–4999 are for applications."""
    exit: int
    meaning: str


OUTCOMES: dict[str, Outcome] = {
    "usage": Outcome(400, 4400, 125, "the request makes no sense as it stands"),
    "usage.no_terminal": Outcome(400, 4400, 125, "a terminal was asked for where there is none"),
    "usage.workdir": Outcome(400, 4400, 125, "the working directory is not an absolute path, or lies under /proc"),
    "usage.input": Outcome(400, 4400, 125, "the command line's own input can't be read"),
    "usage.output": Outcome(400, 4400, 125, "the command line's own output can't be written"),
    "config.invalid": Outcome(500, 4500, 125, "a setting is wrong"),
    "protocol.violation": Outcome(400, 4400, 125, "a frame or message that PROTOCOL.md does not allow"),
    "protocol.text_frame": Outcome(400, 4400, 125, "a WebSocket text message where only binary ones are allowed"),
    "protocol.too_big": Outcome(413, 1009, 125, "a message over the size limit"),
    "protocol.unknown_channel": Outcome(400, 4400, 125, "a channel number that is not defined"),
    "protocol.flow": Outcome(400, 4400, 125, "more bytes than the other side allowed"),
    "protocol.timeout": Outcome(408, 4408, 125, "the other side did not say the next thing in time"),
    "protocol.version": Outcome(400, 4400, 125, "no protocol version in common"),
    "transport.unreachable": Outcome(502, 4502, 125, "nothing answers at that address"),
    "transport.tls": Outcome(502, 4502, 125, "the TLS certificate is not trusted or is for another name"),
    "transport.pin": Outcome(502, 4502, 125, "the certificate is not the one that the login link is for"),
    "transport.plain_http": Outcome(502, 4502, 125, "plain HTTP was spoken to a TLS port, or the reverse"),
    "transport.lost": Outcome(502, 4502, 125, "the connection broke"),
    "transport.redirected": Outcome(
        502, 4502, 125, "the server answered with a redirect; credentials do not follow one"
    ),
    "auth.missing": Outcome(401, 4401, 125, "no credential was given"),
    "auth.invalid": Outcome(401, 4401, 125, "the credential is wrong, expired or revoked"),
    "auth.revoked": Outcome(401, 4401, 125, "the credential was revoked, or has expired, during the session"),
    "auth.unavailable": Outcome(503, 4503, 125, "credentials can't be checked at the moment"),
    "auth.limited": Outcome(429, 4429, 125, "too many credentials were refused; try again later"),
    "auth.reused": Outcome(401, 4401, 125, "a refresh token was used twice, and its login has ended"),
    "login.no_provider": Outcome(404, 4404, 125, "the server has no identity provider"),
    "login.no_federation": Outcome(404, 4404, 125, "the server exchanges no tokens of jobs"),
    "login.unavailable": Outcome(503, 4503, 125, "the identity provider does not answer"),
    "login.failed": Outcome(502, 4502, 125, "the identity provider's answer is not acceptable"),
    "login.pending": Outcome(400, 4400, 125, "the login waits for somebody to confirm it in a browser"),
    "login.slow_down": Outcome(429, 4429, 125, "it is asked too often whether a login is confirmed"),
    "login.expired": Outcome(410, 4410, 125, "the login was not confirmed in time, or there never was one"),
    "login.denied": Outcome(403, 4403, 125, "the login was refused"),
    "login.limit": Outcome(429, 4429, 125, "too many logins at once, or too many wrong codes"),
    "login.name": Outcome(409, 4409, 125, "the name belongs to somebody else already, or can't be one"),
    "access.denied": Outcome(403, 4403, 125, "the policy says no"),
    "access.reason": Outcome(403, 4403, 125, "the policy wants a reason, and none was given"),
    "access.withdrawn": Outcome(403, 4403, 125, "the policy does not allow it any more, and it has ended"),
    "access.origin": Outcome(403, 4403, 125, "a browser origin that is not allowed"),
    "approval.denied": Outcome(403, 4403, 125, "somebody was asked to allow it, and has denied it"),
    "approval.expired": Outcome(403, 4403, 125, "nobody has allowed it in time"),
    "approval.over": Outcome(
        403, 4403, 125, "the time that it was allowed for is over, or whoever allowed it ended it"
    ),
    "approval.not_found": Outcome(404, 4404, 125, "no such request for an approval"),
    "approval.limit": Outcome(429, 4429, 125, "too many requests wait for an approval"),
    "target.not_found": Outcome(404, 4404, 125, "no such container"),
    "target.ambiguous": Outcome(409, 4409, 125, "the name or id prefix fits more than one container"),
    "target.not_running": Outcome(409, 4409, 125, "the container is stopped"),
    "target.paused": Outcome(409, 4409, 125, "the container is paused"),
    "target.restarting": Outcome(409, 4409, 125, "the container is restarting"),
    "target.gone": Outcome(410, 4410, 125, "the container went away during the session"),
    "target.no_shell": Outcome(422, 4422, 126, "the container has no shell"),
    "exec.not_started": Outcome(422, 4422, 126, "the command exists but could not be started"),
    "exec.not_found": Outcome(422, 4422, 127, "no such command in the container"),
    "exec.workdir": Outcome(422, 4422, 126, "the working directory does not exist in the container"),
    "exec.user": Outcome(422, 4422, 126, "no such user in the container"),
    "session.gone": Outcome(410, 4410, 125, "the session is over"),
    "session.not_found": Outcome(404, 4404, 125, "no such session"),
    "session.ambiguous": Outcome(409, 4409, 125, "the name or id prefix fits more than one session"),
    "session.busy": Outcome(409, 4409, 125, "the session has its controller, and room for only one"),
    "session.conflict": Outcome(409, 4409, 125, "a session of that name is something else"),
    "session.killed": Outcome(410, 4410, 125, "somebody ended the session"),
    "session.detached": Outcome(410, 4410, 125, "the client has left, and the session goes on"),
    "session.expired": Outcome(410, 4410, 125, "nobody came back to the session in time"),
    "session.superseded": Outcome(409, 4409, 125, "the session went on over another connection"),
    "session.limit": Outcome(429, 4429, 125, "too many sessions at once, or clients of one"),
    "engine.failed": Outcome(502, 4502, 125, "the container engine refused or failed"),
    "engine.unavailable": Outcome(503, 4503, 125, "the container engine can't be reached"),
    "server.stopping": Outcome(503, 1001, 125, "the server is shutting down"),
    "server.disk_full": Outcome(507, 4507, 125, "the server can't write to its state directory"),
    "server.database": Outcome(503, 4503, 125, "the server's database can't be used at the moment"),
    "keeper.unavailable": Outcome(503, 4503, 125, "nothing can keep the sessions when the server is restarted"),
    "keeper.full": Outcome(503, 4503, 125, "what keeps the sessions when the server is restarted is full"),
    "keeper.lost": Outcome(503, 4503, 125, "what keeps the sessions when the server is restarted is gone"),
    "audit.unavailable": Outcome(
        503, 4503, 125, "the audit trail can't be written, and without it nothing may be started"
    ),
    "audit.broken": Outcome(500, 4500, 125, "the audit trail is not as it was written"),
    "recording.unavailable": Outcome(503, 4503, 125, "the recording can't be written, or read, at the moment"),
    "recording.damaged": Outcome(500, 4500, 125, "the recording is not as it was written"),
    "recording.encrypted": Outcome(409, 4409, 125, "the recording is encrypted, and this takes its key"),
    "recording.not_found": Outcome(404, 4404, 125, "no such recording"),
    "recording.ambiguous": Outcome(409, 4409, 125, "the id prefix fits more than one recording"),
    "recording.going_on": Outcome(409, 4409, 125, "what is still recorded can't be deleted"),
    "recording.held": Outcome(409, 4409, 125, "the recording is under a hold, and nobody deletes it"),
    "recording.not_deleted": Outcome(500, 4500, 125, "not all of a recording could be deleted; it is tried again"),
    "not_found": Outcome(404, 4404, 125, "no such address in the HTTP interface"),
    "method_not_allowed": Outcome(405, 4405, 125, "the address exists, the method is not for it"),
    "internal": Outcome(500, 4500, 125, "a fault of whale's own; the log has the details"),
}


def outcome_of(code: str) -> Outcome:
    """Look up an error code; a code this version does not know counts as `internal`."""
    return OUTCOMES.get(code, OUTCOMES["internal"])
