"""Events as people and programs read them."""

import json

import pytest

from whale.cli.audit_view import HEADINGS, row, search_options, show

LINE = json.dumps(
    {
        "seq": 7, "time": "2027-01-15T08:00:00.250000Z", "kind": "access.denied", "previous": "0", "principal": "alice",
        "action": "exec", "reason": "no", "container": {"id": "c0", "name": "we\x1bb"}, "command": ["echo", "x" * 200],
    }
)  # fmt: skip


def test_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    show([LINE], "table")
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == list(HEADINGS)
    assert line.split()[:7] == ["7", "2027-01-15T08:00:00Z", "access.denied", "alice", "we\\x1bb", "exec,", "echo"]
    assert line.endswith("x…")
    assert "\x1b" not in line


def test_lines_as_they_were_hashed(capsys: pytest.CaptureFixture[str]) -> None:
    show([LINE, LINE], "json")
    assert capsys.readouterr().out == f"{LINE}\n{LINE}\n"


@pytest.mark.parametrize(
    ("event", "columns"),
    [
        ({"kind": "access.denied", "action": "list", "reason": "no"}, ("-", "-", "list, (no)")),
        ({"kind": "auth.refused", "token": "abc", "code": "auth.invalid"}, ("abc", "-", "auth.invalid")),
        ({"kind": "auth.refused", "source": "::1", "count": 5}, ("::1", "-", "5 events")),
        ({"kind": "access.allowed", "principal": "a", "action": "list", "count": 5}, ("a", "-", "list, 5 containers")),
        ({"kind": "token.created", "source": "local", "name": "ci"}, ("local", "-", "ci")),
        (
            {"kind": "token.groups", "source": "local", "name": "ci", "groups": ["a", "b"]},
            ("local", "-", "ci, groups a b"),
        ),
        (
            {"kind": "session.revoked", "principal": "a", "action": "list", "reason": "no", "code": "access.withdrawn"},
            ("a", "-", "list, access.withdrawn, (no)"),
        ),
        ({"kind": "request.failed", "principal": "a", "action": "exec", "target": "x"}, ("a", "x", "exec")),
        (
            {
                "kind": "session.ended",
                "principal": "a",
                "session": "5f" * 16,
                "status": 0,
                "bytes_in": 1,
                "bytes_out": 2,
            },
            ("a", "-", "status 0, 1 bytes in, 2 out, session 5f5f5f5f5f5f"),
        ),
        ({"kind": "server.started"}, ("-", "-", "-")),
    ],
)
def test_what_it_was_about(event: dict[str, object], columns: tuple[str, ...]) -> None:
    assert row({"time": "2027", **event})[3:] == columns


def test_every_search_option_has_help() -> None:
    assert all(getattr(option, "help", "") for option in search_options())
