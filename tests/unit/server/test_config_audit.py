import pytest

from whale.model.errors import ConfigError
from whale.server.config_audit import AuditSection


@pytest.mark.parametrize(
    ("section", "path"),
    [
        (AuditSection(syslog="/dev/log"), "syslog"),
        (AuditSection(syslog="unix://dev/log"), "syslog"),
        (AuditSection(syslog="tcp://logs.example"), "syslog"),
        (AuditSection(syslog="http://logs.example:5"), "syslog"),
        (AuditSection(syslog="udp://logs.example:x"), "syslog"),
        (AuditSection(url="logs.example"), "url"),
        (AuditSection(url="https://user:secret@logs.example/"), "url"),
        (AuditSection(url="https://logs.example:0/"), "url"),
        (AuditSection(url="http://logs.example/", url_token="/t"), "url"),
        (AuditSection(url_token="/t"), "url_token"),
        (AuditSection(url="http://[::1"), "url"),
        (AuditSection(syslog="tcp://[::1"), "syslog"),
        (AuditSection(keep=float("nan")), "keep"),
    ],
)
def test_an_audit_sink_that_makes_no_sense_is_refused(section: AuditSection, path: str) -> None:
    with pytest.raises(ConfigError) as refused:
        section.check()
    assert refused.value.path == path
    assert "secret" not in str(refused.value)


def test_audit_sinks_that_are_fine() -> None:
    AuditSection(syslog="unix:///dev/log", url="http://127.0.0.1:80/", url_token="/t").check()
    AuditSection(url="http://localhost/", url_token="/t").check()
    AuditSection(syslog="tcp://[::1]:601", url="http://logs.example/").check()
