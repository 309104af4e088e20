"""Principals, containers and rules for tests of policies."""

from whale.model.container import Container, ContainerState
from whale.model.ids import ContainerId, TokenId
from whale.model.principal import Principal
from whale.policy.rules import Rules, load_rules
from whale.policy.source import PolicyFile

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z

ALICE = Principal("alice", TokenId("a" * 12), ("developer", "team-x"), "192.0.2.7")
BOB = Principal("bob", TokenId("b" * 12))


def container(name: str = "web", /, *, image: str = "nginx:1.27", **labels: str) -> Container:
    """A container. A label's name is given with `_` for `.`."""
    named = {key.replace("_", "."): value for key, value in labels.items()}
    return Container(ContainerId(f"id-{name}"), name, image, ContainerState.RUNNING, "local", labels=named)


WEB = container()


def rules(text: str, *, name: str = "test.cedar") -> Rules:
    """Rules of one file, which must be right."""
    made, problems = load_rules([PolicyFile(name, text)])
    assert made is not None, [str(problem) for problem in problems]
    return made


def problems(*texts: str) -> list[str]:
    """What is wrong with files, which are called a.cedar, b.cedar and so on."""
    files = [PolicyFile(f"{letter}.cedar", text) for letter, text in zip("abcdef", texts, strict=False)]
    made, found = load_rules(files)
    assert (made is None) == bool(found)
    return [str(problem) for problem in found]
