"""What an operator does with the authority."""

from pathlib import Path

import pytest

from tests.unit.server.settings import config_for
from whale.audit.event import Kind, decode_event
from whale.model.audit import AuditQuery
from whale.model.errors import UsageError
from whale.server import audit, ca
from whale.server.config_model import TlsSection
from whale.server.tls import load_certificate


async def test_what_it_signs_can_be_listened_with_and_is_in_the_trail(tmp_path: Path) -> None:
    state, out = tmp_path / "state", tmp_path / "out"
    out.mkdir()
    made = await ca.create(config_for(state), only=["test"])
    assert ca.show(state).fingerprint == made.fingerprint
    files = await ca.issue_files(config_for(state), ["Whale.test", "other.test"], days=30, out=out)
    assert files.key.stat().st_mode & 0o777 == 0o600
    loaded = load_certificate(TlsSection(cert=str(files.certificate), key=str(files.key)))
    assert loaded.expires == files.expires
    events = [decode_event(line) for line in await audit.search(state, AuditQuery())]
    assert [(event.kind, event.name) for event in reversed(events)] == [
        (Kind.AUTHORITY_CREATED, "test"),
        (Kind.CERTIFICATE_ISSUED, "whale.test"),
    ]
    assert events[0].fingerprint == loaded.fingerprint
    assert config_for(state).tls.own_ca is False


async def test_nothing_is_overwritten(tmp_path: Path) -> None:
    await ca.create(config_for(tmp_path))
    await ca.issue_files(config_for(tmp_path), ["*.whale.test"], days=1, out=tmp_path)
    assert (tmp_path / "_.whale.test.pem").exists()
    with pytest.raises(UsageError, match="there already"):
        await ca.issue_files(config_for(tmp_path), ["*.whale.test"], days=1, out=tmp_path)
    with pytest.raises(UsageError, match="no such directory"):
        await ca.issue_files(config_for(tmp_path), ["a.test"], days=1, out=tmp_path / "nowhere")
    with pytest.raises(UsageError, match="already"):
        await ca.create(config_for(tmp_path))


def test_without_one_it_says_how_to_have_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as missing:
        ca.show(tmp_path)
    assert "ca create" in missing.value.hint
