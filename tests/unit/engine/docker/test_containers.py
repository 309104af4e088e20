import msgspec
import pytest

from whale.engine.docker.containers import container_state, inspected_container, listed_container
from whale.model.container import ContainerState
from whale.model.errors import EngineError


def test_an_entry_of_the_list() -> None:
    entry = {
        "Id": "ab12",
        "Names": ["/other/alias", "/web"],
        "Image": "shop/web",
        "State": "running",
        "Status": "Up 2 hours",
        "Created": 1700000000,
        "Labels": {"team": "a"},
    }
    found = listed_container(msgspec.json.encode(entry), "here")
    assert found == ("ab12", "web", "shop/web", ContainerState.RUNNING, "here", "Up 2 hours", 1700000000, {"team": "a"})


def test_an_entry_with_nothing_but_its_id() -> None:
    found = listed_container(b'{"Id": "ab12", "Names": null, "Labels": null}', "here")
    assert (found.name, found.state, found.labels, found.created) == ("", ContainerState.DEAD, {}, 0)


@pytest.mark.parametrize("entry", [b"{}", b'{"Id": 5}', b'{"Id": "a", "Names": "web"}', b"[]", b'{"Id": "\xff"}'])
def test_an_entry_that_makes_no_sense(entry: bytes) -> None:
    with pytest.raises(EngineError, match="makes no sense"):
        listed_container(entry, "here")


@pytest.mark.parametrize(
    ("created", "seconds"),
    [
        ("2023-11-14T22:13:20.123456789Z", 1700000000),
        ("2023-11-14T22:13:20Z", 1700000000),
        ("yesterday, at about noon", 0),
        ("", 0),
        (None, 0),
    ],
)
def test_a_description(created: object, seconds: int) -> None:
    answer = {
        "Id": "ab12",
        "Name": "/web",
        "Created": created,
        "Config": {"Image": "shop/web", "Labels": {"n": 1}},
        "State": {"Status": "paused"},
    }
    found = inspected_container(answer, "here")
    assert (found.name, found.image, found.state) == ("web", "shop/web", ContainerState.PAUSED)
    assert (found.created, found.labels) == (seconds, {"n": "1"})


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("running", ContainerState.RUNNING),
        ("Running", ContainerState.RUNNING),
        ("configured", ContainerState.CREATED),
        ("stopped", ContainerState.EXITED),
        ("never heard of", ContainerState.DEAD),
        ("", ContainerState.DEAD),
    ],
)
def test_states(word: str, state: ContainerState) -> None:
    assert container_state(word) is state
