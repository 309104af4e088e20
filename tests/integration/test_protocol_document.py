"""PROTOCOL.md says what the code does: codes, limits, channels, messages and their fields."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from whale.model import limits
from whale.model.errors import ProtocolError
from whale.model.exec import ExecSpec, ExitStatus, Signal
from whale.model.outcomes import OUTCOMES
from whale.model.role import Role
from whale.model.terminal import MAX_CELLS, TerminalSize
from whale.wire import fields, handshake, messages, requests
from whale.wire.frames import SUBPROTOCOL, Channel
from whale.wire.framing import MEDIA_TYPE

DOCUMENT = (Path(__file__).resolve().parents[2] / "PROTOCOL.md").read_text(encoding="utf-8")

INSIDE_THE_SERVER = {
    "ECHO_GRACE",
    "JOURNAL",
    "MAX_ECHO_PENDING",
    "MAX_REDACTED_LINE",
    "MAX_REDACTION_HELD",
    "MAX_REDACTION_UNSETTLED",
    "MIN_REDACTED",
    "RECORDING_AHEAD",
    "RECORDING_CHUNK",
    "RECORDING_DELAY",
    "RECORDING_RETRY",
    "RECORDING_SYNC",
    "APPROVAL_WAIT",
    "APPROVAL_TIME",
    "MAX_APPROVAL_TIME",
    "MAX_APPROVALS_WAITING",
    "MAX_APPROVALS_WAITING_EACH",
    "IDLE_AFTER",
    "MAX_ENDED",
    "ENGINE_TIMEOUT",
    "STATUS_TIMEOUT",
    "MAX_RECORD",
    "MAX_SNAPSHOT",
    "MAX_UNFINISHED",
    "MAX_STRING",
    "MAX_REPLIES",
    "MAX_REPAINT",
    "MAX_NOTICES",
    "REVOCATION_INTERVAL",
    "REVOCATION_TIMEOUT",
    "MAX_QUEUED_SIGNALS",
    "MIN_LOG",
    "MAX_PIECE",
    "AUTH_RECOVERY",
    "AUTH_PAUSE",
    "MAX_AUTH_TRACKED",
    "MAX_FORWARDED_HOPS",
    "KIB",
    "MIB",
}
"""Limits that no peer can meet."""

OF_LOGINS = {
    "ACCESS_LIFETIME",
    "LOGIN_LIFETIME",
    "MAX_LOGINS_EACH",
    "PROVIDER_LOGIN_LIFETIME",
    "REFRESH_GRACE",
    "DEVICE_LIFETIME",
    "DEVICE_INTERVAL",
    "MAX_DEVICE_LOGINS",
    "MAX_DEVICE_LOGINS_EACH",
    "MAX_WRONG_CODES",
    "MAX_WRONG_CODES_EACH",
    "PROVIDER_TIMEOUT",
    "FEDERATED_LIFETIME",
    "MAX_FEDERATED_LIFETIME",
    "MAX_FEDERATED_TOKENS",
    "MAX_FEDERATION_RULES",
    "MAX_JOB_TOKEN",
    "MAX_JOB_TOKEN_AGE",
}
"""Those of logging in, which is before this protocol: openapi.yaml and the pages on identities have them."""

SPEC = ExecSpec(("sh",), True, True, "0", (("A", "1"),), "/srv", True, TerminalSize(cols=80, rows=24))
PROGRESS = requests.Progress(2, 1)
LOST = messages.Status(ExitStatus(None, "target.gone"), "gone", 0, 0)

MESSAGES: dict[str, list[bytes]] = {
    "4.1": [requests.encode_open(requests.Open("web", SPEC, 1, 1, "0" * 32, "build", "why"))],
    "4.2": [messages.encode_opened(messages.Opened("s", "c", "web", 1, keep=300))],
    "4.3": [
        messages.encode_output_ack(messages.OutputAck(1, 1, status=True)),
        messages.encode_input_ack(messages.InputAck(1)),
    ],
    "4.4": [messages.encode_signal(Signal.INT)],
    "4.5": [
        messages.encode_failure(messages.Failure("usage", "no", "do")),
        messages.encode_notice(messages.Notice("slow", "wait")),
    ],
    "4.6": [messages.encode_resize(TerminalSize(cols=80, rows=24))],
    "4.7": [messages.encode_status(LOST)],
    "4.9": [requests.encode_join(requests.Join("build", Role.VIEWER, "0" * 32, 1, 1, SPEC.size, "why"))],
    "4.10": [messages.encode_gap(messages.Gap(1, 1))],
    "4.11": [
        messages.encode_role_request(Role.VIEWER),
        messages.encode_role_change(messages.RoleChange(Role.VIEWER, answers=False)),
    ],
    "4.12": [messages.encode_detach()],
    "4.13": [messages.encode_detached(messages.Detached(1))],
    "4.14": [messages.encode_waiting(messages.WaitingForApproval("5f", 900))],
    "4.8": [requests.encode_attach(requests.Attach("0" * 32, PROGRESS, PROGRESS, 1, 1, SPEC.size, screen=True))],
}
OPAQUE = {"env", "size"}
"""Objects whose keys are a user's, or written down in a section of their own."""


def section(number: str) -> str:
    """The text below the heading with this number, up to the next heading of its level or above."""
    heading = re.search(rf"^(#+) {re.escape(number)}\.? .*$", DOCUMENT, re.MULTILINE)
    assert heading, f"there is no section {number}"
    rest = DOCUMENT[heading.end() :]
    following = re.search(rf"^#{{2,{len(heading[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def rows(text: str) -> list[list[str]]:
    """All rows of all tables, without backquotes and headings."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not row[0].startswith("---")]


def names(body: dict[str, Any], prefix: str = "") -> set[str]:
    """The fields of a message, those of objects with a dot."""
    found = set()
    for name, value in body.items():
        found.add(prefix + name)
        if isinstance(value, dict) and name not in OPAQUE:
            found |= names(value, f"{prefix}{name}.")
    return found


def test_section_7_is_the_table_of_outcomes() -> None:
    written = [row for row in rows(section("7")) if len(row) == 5][1:]
    assert written == [
        [code, str(outcome.http), str(outcome.close), str(outcome.exit), outcome.meaning]
        for code, outcome in OUTCOMES.items()
    ]


def test_every_violation_has_a_code_of_the_table() -> None:
    written = {code for _, code in (row for row in rows(section("7")) if len(row) == 2)} - {"code"}
    assert written <= set(OUTCOMES)
    assert written >= {code for code in OUTCOMES if code.startswith("protocol.")}


def shown(name: str, value: float) -> str:
    """A limit as the document writes it."""
    if name.endswith(("TIMEOUT", "INTERVAL", "KEEP", "KEEP_TERMINAL", "LOCKOUT", "LIFETIME")):
        return f"{value:g} s"
    if name == "MAX_TEXT":
        return f"{value} characters"
    for size, unit in ((limits.MIB, "MiB"), (limits.KIB, "KiB")):
        if value >= size and value % size == 0 and not name.startswith(("MAX_SESSIONS", "MAX_COMMAND", "MAX_ENV")):
            return f"{value / size:g} {unit}"
    return f"{value:g}"


def test_section_9_is_the_limits_a_peer_can_meet() -> None:
    written = {row[0]: row[1] for row in rows(section("9"))[1:]}
    coded = {name: shown(name, value) for name, value in vars(limits).items() if name.isupper()}
    inside = {
        name
        for name in coded
        if name in INSIDE_THE_SERVER | OF_LOGINS or any(room in name for room in ("KEEPER", "KEPT", "SCREEN", "AUDIT"))
    }
    assert written == {name: value for name, value in coded.items() if name not in inside}


def test_section_3_has_every_channel() -> None:
    written = {row[1]: int(row[0]) for row in rows(section("3"))[1:]}
    assert written == {channel.name: int(channel) for channel in Channel}


@pytest.mark.parametrize("number", MESSAGES)
def test_section_4_has_every_field_of_every_message(number: str) -> None:
    coded: set[str] = set()
    for message in MESSAGES[number]:
        body = json.loads(message[1:])
        coded |= names(body)
        if "type" in body:
            assert f'`"{body["type"]}"`' in section(number)
    assert {row[0] for row in rows(section(number))[1:]} == coded


def test_section_4_has_every_message_and_no_other() -> None:
    coded = {json.loads(message[1:]).get("type") for group in MESSAGES.values() for message in group} - {None}
    written = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^### 4\.\d+ .*CONTROL.*$", DOCUMENT, re.MULTILINE))))
    assert written == coded


@pytest.mark.parametrize("number", MESSAGES)
def test_what_is_written_as_required_is_required(number: str) -> None:
    channel = MESSAGES[number][0][0]
    for message in MESSAGES[number]:
        body = json.loads(message[1:])
        for row in rows(section(number))[1:]:
            if row[2] != "required" or row[0] not in body:
                continue
            less = json.dumps({name: value for name, value in body.items() if name != row[0]}).encode()
            with pytest.raises(ProtocolError):
                _decode(number, channel, less)


def test_what_has_a_default_may_be_left_out() -> None:
    least = b'{"type":"open","container":"web","window":{"stdout":1,"stderr":1}}'
    assert messages.decode_client_control(least) == requests.Open("web", ExecSpec(), 1, 1)
    defaults = {row[0]: row[2] for row in rows(section("4.1"))[1:] if row[2] not in {"required", "absent"}}
    spec = ExecSpec()._asdict()
    spec["command"], spec["env"] = list(spec["command"]), dict(spec["env"])
    assert {name: json.loads(value) for name, value in defaults.items()} == {name: spec[name] for name in defaults}


def test_numbers_in_the_text_are_those_of_the_code() -> None:
    text = section("4")
    for number in (limits.MAX_COMMAND_ARGS, limits.MAX_ENV_VARS, limits.MAX_TEXT, MAX_CELLS, messages.MAX_ENDED_CODE):
        assert re.search(rf"\b{number}\b", text)
    assert fields.MAX_OFFSET == 2**63 - 1
    assert f"{handshake.MAX_HANDSHAKE // limits.KIB} KiB" in section("2")
    assert f"{limits.HANDSHAKE_TIMEOUT:g} seconds" in section("2")
    assert f"{limits.DELIVERY_TIMEOUT:g} seconds" in section("6")
    assert f"{limits.HEARTBEAT_INTERVAL:g} seconds" in section("10")
    assert f"{limits.PEER_TIMEOUT:g} seconds" in section("10")
    assert f"{limits.MAX_MESSAGE:,}" in section("8")


def test_names_on_the_wire() -> None:
    assert f"`{SUBPROTOCOL}`" in section("2")
    assert MEDIA_TYPE in section("8")
    assert all(f'`"{signal}"`' in section("4.4") for signal in Signal)


def _decode(number: str, channel: int, payload: bytes) -> object:
    if channel == Channel.RESIZE:
        return messages.decode_resize(payload)
    if channel == Channel.STATUS:
        return messages.decode_status(payload)
    from_client = b'"open"' in payload or b'"window"' in payload or number in {"4.4", "4.12"}
    from_client = from_client or (number == "4.3" and b'"stdout"' in payload)
    return messages.decode_client_control(payload) if from_client else messages.decode_server_control(payload)
