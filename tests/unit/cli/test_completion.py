import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.clicked import Whale
from tests.unit.client.processes import environment
from tests.unit.client.scripted import DEADLINE
from whale.cli.completion import SHELLS


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_its_script(whale: Whale, shell: str) -> None:
    outcome = whale("completion", shell)
    assert (outcome.status, outcome.err) == (0, "")
    assert f"_WHALE_COMPLETE={shell}_complete" in outcome.out


def test_the_other_name_of_the_program_completes_itself(whale: Whale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/whale-cli"])
    out = whale("completion", "bash").out
    assert "_WHALE_CLI_COMPLETE=bash_complete" in out
    assert "whale-cli" in out


def test_an_unknown_shell_is_refused(whale: Whale) -> None:
    assert whale("completion", "tcsh").status == 125


def test_bash_completes_with_it(whale: Whale, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    script = whale("completion", "bash").out
    program = tmp_path / "whale"
    program.write_text(f"#!{sys.executable}\nimport sys\nfrom whale.cli.main import main\nsys.exit(main())\n")
    program.chmod(0o700)
    line = (
        f"PATH={tmp_path}:$PATH\n{script}\n"
        'COMP_WORDS=(whale exec --int); COMP_CWORD=2; _whale_completion whale; echo "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        [bash, "--norc", "-c", line],
        env=environment("http://127.0.0.1:1"),
        capture_output=True,
        timeout=DEADLINE,
        check=False,
        text=True,
    )
    assert done.stdout.split() == ["--interactive"], done
