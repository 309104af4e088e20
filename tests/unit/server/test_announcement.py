from pathlib import Path

from tests.unit.server.settings import config_for
from whale.access.attempts import Attempts
from whale.server import ca, users
from whale.server.announcement import announcement, is_first_start
from whale.server.config_engine import EngineSection
from whale.server.config_model import Config, TlsSection
from whale.server.config_oidc import OidcSection
from whale.server.parts import opened_parts


async def said(config: Config, *, host: str = "127.0.0.1", first_start: bool = False, origin: str = "flag") -> str:
    async with opened_parts(config, Attempts()) as parts:
        return await announcement(
            config,
            parts.engine,
            parts.registry,
            address=(host, 7433),
            more=["one more thing"],
            first_start=first_start,
            state_dir_origin=origin,
        )


async def test_says_where_it_listens_and_in_front_of_what(tmp_path: Path) -> None:
    lines = (await said(config_for(tmp_path))).splitlines()
    assert lines[0].startswith("whale-server ")
    assert lines[0].endswith("listening on http://127.0.0.1:7433")
    assert lines[1].startswith("engine local: fake")
    assert lines[2] == "one more thing"
    assert "sessions.outlive_server is off" in lines[3]
    assert len(lines) == 4


async def test_an_ipv6_address_is_one_that_can_be_copied(tmp_path: Path) -> None:
    assert "http://[::1]:7433" in await said(config_for(tmp_path), host="::1")


async def test_an_engine_that_is_not_there_is_no_reason_not_to_start(tmp_path: Path) -> None:
    config = config_for(tmp_path, engine=EngineSection(url=f"unix://{tmp_path}/nothing.sock"))
    assert "tries again at each request" in await said(config)


async def test_the_first_start_says_how_to_begin(tmp_path: Path) -> None:
    text = await said(config_for(tmp_path), first_start=True)
    assert text.endswith(f"whale-server --state-dir {tmp_path} user add NAME")
    assert "whale-server user add NAME" in await said(config_for(tmp_path), first_start=True, origin="default")


async def test_an_authority_of_its_own_comes_with_a_link_that_pins_it(tmp_path: Path) -> None:
    config = config_for(tmp_path, tls=TlsSection(own_ca=True))
    made = await ca.create(config)
    for first_start in (True, False):
        text = await said(config, first_start=first_start)
        assert "listening on https://" in text
        assert text.endswith(f"#sha256={made.fingerprint}")
    text = await said(config_for(tmp_path, tls=config.tls, public_url="https://whale.example"))
    assert text.endswith(f"whale login https://whale.example#sha256={made.fingerprint}")


async def test_the_first_start_is_over_when_somebody_may_log_in(tmp_path: Path) -> None:
    config = config_for(tmp_path)
    for make in (lambda: None, lambda: users.add(config.store_place, "alice")):
        made = make()
        if made is not None:
            await made
        async with opened_parts(config, Attempts()) as parts:
            assert await is_first_start(config, parts.database) is (made is None)
            provider = config_for(tmp_path, oidc=OidcSection(issuer="https://id.example", client_id="whale"))
            assert await is_first_start(provider, parts.database) is False
