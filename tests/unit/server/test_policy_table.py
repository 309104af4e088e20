"""A table of expectations holds, or says which one does not."""

from pathlib import Path

import pytest

from tests.unit.policy.worlds import rules
from whale.model.errors import ConfigError, UsageError
from whale.policy.source import PolicyFile
from whale.server.policy_table import read_table, run_table

RULES = rules(
    """
    @id("see") permit(principal, action == Action::"list", resource) when { resource.name != "hidden" };
    @id("day") permit(principal in Group::"day", action == Action::"shell", resource)
    when { context.time.toTime() < duration("17h") && context has source && context.source.isLoopback() };
    @id("dump") permit(principal == Machine::"cron", action == Action::"exec", resource)
    when { context.command == "pg_dump 'a b'" && context.env.isEmpty() && context.user == "root" };
    @id("why") permit(principal, action == Action::"logs", resource) when { context.reason like "OPS-*" };
    @id("own") permit(principal, action in [Action::"view", Action::"attach"], resource) when { resource in principal };
    """
)
HEAD = """
[people]
alice = ["day"]
both = []
[machines]
cron = []
both = []
[containers.web]
image = "nginx"
labels = { a = "b" }
[containers.hidden]
"""


def run(expect: str) -> list[str]:
    return run_table(
        RULES, PolicyFile("t.toml", HEAD + "".join(f"\n[[expect]]\n{each}" for each in expect.split("--")))
    ).failures


DAY = 'source = "127.0.0.1"\ntime = 2027-01-15T08:00:00Z\n'
SHELL = 'who = "alice"\naction = "shell"\non = "web"\n'
DUMP = 'who = "cron"\naction = "exec"\non = "web"\ncommand = ["pg_dump", "a b"]\n'
LOGS = 'who = "alice"\naction = "logs"\non = "web"\n'
ATTACH = 'who = "cron"\naction = "attach"\non = "web"\n'


@pytest.mark.parametrize(
    ("expect", "decision"),
    [
        (SHELL + DAY, "allow"),
        (LOGS + 'reason = "OPS-1"\n', "allow"),
        (LOGS, "deny"),
        (SHELL + DAY.replace("T08", "T18"), "deny"),
        (SHELL + DAY.replace("127", "128"), "deny"),
        (SHELL.replace("web", "hidden") + DAY, "deny"),
        (DUMP, "allow"),
        (DUMP + 'user = "0:0"\n', "allow"),
        (DUMP + 'user = "app"\n', "deny"),
        (DUMP + 'env = ["PATH"]\n', "deny"),
        (ATTACH, "allow"),
        (ATTACH + 'owner = "alice"\n', "deny"),
    ],
)
def test_expectations(expect: str, decision: str) -> None:
    assert run(f'{expect}decision = "{decision}"\n') == []
    other = {"allow": "deny", "deny": "allow"}[decision]
    [failure] = run(f'{expect}decision = "{other}"\n')
    assert failure.startswith("t.toml: expectation 1: ")
    assert f"{decision}, not {other}: " in failure


def test_what_is_recorded_can_be_expected() -> None:
    made = rules('@record("all") permit(principal, action, resource);')
    expect = "\n[[expect]]\n" + SHELL + 'decision = "allow"\nrecorded = '
    report = run_table(made, PolicyFile("t.toml", HEAD + f'{expect}"all"\n{expect}"output"\n{expect}""\n'))
    assert report.failures == [
        "t.toml: expectation 2: alice shell web: all is recorded",
        "t.toml: expectation 3: alice shell web: all is recorded",
    ]


def test_the_policies_can_be_named() -> None:
    assert run(f'{DUMP}decision = "allow"\nby = ["dump"]') == []
    assert run(f'{DUMP}decision = "allow"\nby = ["dump"]--{DUMP}decision = "allow"\nby = ["see"]') == [
        "t.toml: expectation 2: cron exec web: allow by dump, not by ['see']"
    ]
    [failure] = run(f'{SHELL}decision = "allow"')
    assert "day permits it under conditions" in failure


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        (SHELL, "decision"),
        (SHELL + 'decision = "maybe"', "decision"),
        (SHELL + 'decision = "deny"\nwhom = "x"', "whom"),
        (SHELL.replace("alice", "bob") + 'decision = "deny"', "bob has to be in one"),
        (SHELL.replace("alice", "both") + 'decision = "deny"', "both has to be in one"),
        (SHELL.replace("web", "db") + 'decision = "deny"', "db is not in"),
        (SHELL.replace("shell", "sell") + 'decision = "deny"', "sell"),
        ("x", "Expected"),
    ],
)
def test_nonsense_is_refused(expect: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"t.toml: .*{problem}"):
        run(expect)


def test_what_the_server_refuses_is_refused() -> None:
    with pytest.raises(UsageError, match="under /proc"):
        run(f'{DUMP}decision = "deny"\nworkdir = "/proc"')


def test_reads_a_file(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text("x")
    assert read_table(tmp_path / "t.toml") == PolicyFile("t.toml", "x")
