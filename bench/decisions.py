"""`python -m bench.decisions`: what decisions of the policy cost, in this process. Needs no engine and no server.

Each figure is the processor time of this thread, so that what else the machine does counts little, and the time by the
clock beside it. Status 1 when one of the bars is not met.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from whale.broker.visible import visible
from whale.model.container import Container, ContainerState
from whale.model.exec import ExecSpec
from whale.model.ids import ContainerId, TokenId
from whale.model.principal import Action, Principal
from whale.policy.live import LivePolicy
from whale.policy.rules import Rules, load_rules
from whale.policy.source import PolicyFile

GROUPS = 100

DECISION = 0.004
COLD = 0.350
AGAIN = 0.030
"""Bars, in seconds of processor time: one decision at p99, a first list, and the same list once more."""


class Cost(NamedTuple):
    """Seconds of processor time and by the clock."""

    processor: float
    clock: float

    def __str__(self) -> str:
        return f"{self.processor * 1000:8.2f} ms  ({self.clock * 1000:.2f} by the clock)"


def policies(count: int) -> str:
    """Policies of four kinds: by label, by image and user, by a container's own label, and forbidding."""
    kinds = (
        'permit(principal in Group::"g{g}", action in [Action::"list", Action::"shell"], resource is Container)'
        ' when {{ resource.name like "web{n}*" && resource.hasTag("team") && resource.getTag("team") == "t{n}" }};',
        'permit(principal in Group::"g{g}", action == Action::"shell", resource)'
        ' when {{ resource.image like "nginx*" && context.user != "root" && context.program == "x{n}" }};',
        'permit(principal, action == Action::"list", resource is Container) when {{ principal in resource.access }};',
        'forbid(principal, action == Action::"exec", resource)'
        ' when {{ context.privileged && resource.name == "a{n}" }};',
    )
    return "\n".join(kinds[n % len(kinds)].format(g=n % GROUPS, n=n) for n in range(count))


def rules(count: int) -> Rules:
    """Rules of that many policies."""
    made, problems = load_rules([PolicyFile("bench.cedar", policies(count))])
    assert made is not None, problems
    return made


def somebody(groups: int) -> Principal:
    """A principal in some of the groups."""
    return Principal("alice", TokenId("a" * 12), tuple(f"g{n}" for n in range(groups)), "192.0.2.1")


def container(number: int) -> Container:
    """One of many, with ten labels."""
    labels = {f"label-{n}": f"value-{n}" for n in range(9)} | {"whale.access": f"g{number % GROUPS}"}
    name = f"c{number}"
    return Container(ContainerId(name), name, "nginx:1.27", ContainerState.RUNNING, "local", labels=labels)


def timed(do: Callable[[], object]) -> Cost:
    """Do it and say what it cost."""
    processor, clock = time.thread_time(), time.perf_counter()
    do()
    return Cost(time.thread_time() - processor, time.perf_counter() - clock)


def percentile(costs: Sequence[Cost], share: float) -> Cost:
    """Each figure's own percentile."""
    return Cost(*(sorted(values)[int(share * (len(costs) - 1))] for values in zip(*costs, strict=True)))


def single(made: Rules, groups: int, *, rounds: int) -> list[Cost]:
    """Decisions about a shell, each on another container."""
    policy, who, spec = LivePolicy(made), somebody(groups), ExecSpec(tty=True, user="app")
    return [timed(lambda n=n: policy.decide(who, Action.SHELL, container(n), spec)) for n in range(rounds)]  # type: ignore[misc]


def lists(made: Rules, groups: int, *, containers: int, rounds: int) -> list[Cost]:
    """The first list and those after it, as the broker makes them; nothing changes in between."""
    policy, who = LivePolicy(made), somebody(groups)
    return [
        timed(lambda: asyncio.run(visible(policy, who, [container(n) for n in range(containers)])))
        for _ in range(rounds)
    ]


def main() -> int:
    thousand, hundred = rules(1000), rules(100)
    missed = 0
    for groups in (5, GROUPS):
        costs = single(thousand, groups, rounds=1000)
        print(f"one decision, 1,000 policies, in {groups} of {GROUPS} groups")
        print(f"  first {costs[0]}\n  p50   {percentile(costs, 0.5)}\n  p99   {percentile(costs, 0.99)}")
        missed += percentile(costs, 0.99).processor > DECISION
    for groups in (5, GROUPS):
        cold = [lists(hundred, groups, containers=1000, rounds=1)[0] for _ in range(5)]
        warm = lists(hundred, groups, containers=1000, rounds=6)[1:]
        print(f"list of 1,000 containers, 100 policies, in {groups} of {GROUPS} groups")
        print(f"  cold  {percentile(cold, 0.5)}\n  again {percentile(warm, 0.5)}")
        missed += percentile(cold, 0.5).processor > COLD
        missed += percentile(warm, 0.5).processor > AGAIN
    print(f"{missed} bars are missed" if missed else "all bars are met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
