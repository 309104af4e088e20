"""`whale-server ca`: certificates on stdout, everything else on stderr."""

import os
from pathlib import Path

import pytest
from cryptography import x509

from whale.cli.server import invoke


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in [name for name in os.environ if name.startswith("WHALE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHALE_SERVER_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_an_authority_is_made_shown_and_signs(capsys: pytest.CaptureFixture[str], tmp_path: Path, state: Path) -> None:
    assert invoke(["ca", "create", "--only", "test"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    mark = err.split("sha256=")[1].strip()
    assert invoke(["ca", "show"]) == 0
    out, err = capsys.readouterr()
    assert f"https://HOST:PORT#sha256={mark}" in err
    authority = x509.load_pem_x509_certificate(out.encode())
    assert invoke(["ca", "issue", "whale.test", "--days", "5", "--out", str(tmp_path)]) == 0
    issued = x509.load_pem_x509_certificates((tmp_path / "whale.test.pem").read_bytes())
    issued[0].verify_directly_issued_by(authority)
    assert issued[1] == authority
    assert "PRIVATE" not in out + capsys.readouterr().err


def test_what_goes_wrong_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["ca", "show"]) == 1
    assert "whale-server ca create" in capsys.readouterr().err
    assert invoke(["ca", "issue"]) == 2
    assert invoke(["ca", "create"]) == 0
    assert invoke(["ca", "create"]) == 1
    assert "already" in capsys.readouterr().err
    assert invoke(["ca", "issue", "https://x.test"]) == 1
    assert "without scheme" in capsys.readouterr().err
