"""One server with the fake engine for all tests of this folder that do not need their own."""

from collections.abc import Iterator

import pytest

from tests.server_process import ServerProcess, running_server


@pytest.fixture(scope="session")
def fake_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_server("fake://web,db", tmp_path_factory.mktemp("server")) as server:
        yield server
