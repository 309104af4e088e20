"""What systemd passed on: which of it is ours, and that it goes to nobody else."""

import os

import pytest

from tests.unit.keeper.conftest import name_of
from tests.unit.keeper.manager import Manager
from whale.keeper.inherited import FIRST, LABEL_SIZE, Label, labels, take_inherited
from whale.keeper.notify import Notify

NAME = name_of(255)

TAKE = """
import os
from whale.keeper.inherited import take_inherited
listening = {name for name in os.environ if name.startswith("LISTEN_")}
for label, descriptor in take_inherited(os.environ):
    print(label, os.pread(descriptor, 10, 0).decode(), os.get_inheritable(descriptor))
print(sorted(listening), [name for name in os.environ if name.startswith("LISTEN_")])
"""


def test_a_label_says_whose_which_and_of_how_many() -> None:
    one, two = labels(NAME, 2)
    assert (str(one), str(two)) == (f"whale-{NAME}.01", f"whale-{NAME}.11")
    assert str(labels(NAME, 16)[15]) == f"whale-{NAME}.ff"
    assert [Label.parse(str(label)) for label in labels(NAME, 16)] == labels(NAME, 16)
    assert len(f"{one}:") == LABEL_SIZE


@pytest.mark.parametrize(
    "text",
    ["", "stored", NAME, f"whale-{NAME}", f"whale-{NAME}.0", f"whale-{NAME}.001", f"whale-{NAME}.0g", "whale-probe"],
)
def test_other_names_are_not_ours(text: str) -> None:
    assert Label.parse(text) is None


def test_finds_them_in_order_and_no_child_inherits_them(manager: Manager) -> None:
    sender = Notify(manager.address)
    for name in (*map(str, labels(NAME, 3)), "a-socket-of-the-unit"):
        file = os.memfd_create(name)
        os.write(file, f"of {name[-2:]}".encode())
        sender.send("FDSTORE=1", f"FDNAME={name}", descriptors=[file])
        os.close(file)
    sender.barrier()
    sender.close()
    done = manager.run(TAKE)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"whale-{NAME}.02 of 02 False",
        f"whale-{NAME}.12 of 12 False",
        f"whale-{NAME}.22 of 22 False",
        "['LISTEN_FDNAMES', 'LISTEN_FDS', 'LISTEN_PID'] []",
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"LISTEN_PID": "1"},
        {"LISTEN_PID": ""},
        {"LISTEN_FDS": "2"},
        {"LISTEN_FDS": "x"},
        {"LISTEN_FDNAMES": ""},
    ],
)
def test_what_is_for_another_process_or_makes_no_sense_is_left_alone(changed: dict[str, str]) -> None:
    inheritable = os.get_inheritable(FIRST)
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": f"whale-{NAME}.00", **changed}
    assert take_inherited(environ) == []
    assert environ == {}
    assert os.get_inheritable(FIRST) == inheritable


def test_without_any_there_is_nothing_to_take() -> None:
    assert take_inherited({}) == []


def test_a_descriptor_that_is_not_there_is_passed_over() -> None:
    beyond = os.dup(0)
    os.close(beyond)
    names = ":".join(["x"] * (beyond - FIRST) + [f"whale-{NAME}.00"])
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(beyond - FIRST + 1), "LISTEN_FDNAMES": names}
    before = [os.get_inheritable(number) for number in range(FIRST, beyond)]
    try:
        assert take_inherited(environ) == []
    finally:
        for number, inheritable in enumerate(before, FIRST):
            os.set_inheritable(number, inheritable)
