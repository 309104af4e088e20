import inspect

from whale.engine.docker.adapter import DockerEngine
from whale.engine.docker.exec import DockerExec
from whale.engine.fake import FakeEngine, FakeProcess
from whale.engine.seam import EndPolicy, Engine, Exec


def test_the_adapters_fit_the_seam() -> None:
    def engines(docker: DockerEngine, fake: FakeEngine) -> tuple[Engine, Engine]:
        return docker, fake

    def execs(docker: DockerExec, fake: FakeProcess) -> tuple[Exec, Exec]:
        return docker, fake

    assert callable(engines)
    assert callable(execs)


def test_every_method_says_what_it_does() -> None:
    for seam in (Engine, Exec):
        for name, member in inspect.getmembers(seam):
            if not name.startswith("_"):
                assert inspect.getdoc(member), f"{seam.__name__}.{name}"


def test_ending_becomes_harder_step_by_step() -> None:
    policy = EndPolicy()
    assert 0 < policy.hup < policy.term < policy.kill
