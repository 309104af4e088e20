import pytest

from whale.engine.docker.containers import container_state, inspected_container, listed_container
from whale.model.container import ContainerState


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
    found = listed_container(entry, "here")
    assert found == ("ab12", "web", "shop/web", ContainerState.RUNNING, "here", "Up 2 hours", 1700000000, {"team": "a"})


def test_an_entry_with_nothing_but_its_id() -> None:
    found = listed_container({"Id": "ab12", "Names": None, "Labels": None}, "here")
    assert (found.name, found.state, found.labels, found.created) == ("", ContainerState.DEAD, {}, 0)


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
