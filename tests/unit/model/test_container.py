"""Containers as engines list them."""

from whale.model.container import Container, ContainerState
from whale.model.ids import ContainerId


def test_what_an_engine_may_leave_out_has_a_default() -> None:
    container = Container(ContainerId("abc"), "web", "nginx", ContainerState.RUNNING, "local")
    assert (container.status, container.created, container.labels) == ("", 0, {})


def test_states_are_the_words_of_the_docker_api() -> None:
    assert [str(state) for state in ContainerState] == [
        "created",
        "running",
        "paused",
        "restarting",
        "removing",
        "exited",
        "dead",
    ]
