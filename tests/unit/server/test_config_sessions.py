import pytest

from whale.engine.seam import EndPolicy
from whale.model.approval import ApprovalTimes
from whale.model.errors import ConfigError
from whale.server.config_section import Section
from whale.server.config_sessions import (
    ApprovalsSection,
    EndSection,
    LimitsSection,
    SessionsSection,
    ShutdownSection,
)

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("section", "path"),
    [
        (LimitsSection(auth_lockout=NAN), "auth_lockout"),
        (SessionsSection(keep=INF), "keep"),
        (SessionsSection(keep_terminal=NAN), "keep_terminal"),
        (ShutdownSection(grace=NAN), "grace"),
        (EndSection(hup=NAN), "hup"),
        (EndSection(term=INF), "term"),
        (EndSection(kill=NAN), "kill"),
    ],
)
def test_seconds_are_a_number(section: Section, path: str) -> None:
    with pytest.raises(ConfigError) as refused:
        section.check()
    assert refused.value.path == path


def test_the_defaults_are_sound() -> None:
    for section in (LimitsSection(), SessionsSection(), ShutdownSection(), EndSection(), ApprovalsSection()):
        section.check()
    end = EndSection()
    assert EndPolicy(hup=end.hup, term=end.term, kill=end.kill) == EndPolicy()


def test_approvals_are_given_as_the_broker_takes_them() -> None:
    assert ApprovalsSection(wait=5, time=90).times == ApprovalTimes(5, 90)
