"""What the operator is told at the start, in plain words: where the server listens, and how to log in."""

from collections.abc import Sequence

from whale import __version__
from whale.engine.seam import Engine
from whale.model.errors import EngineUnavailable
from whale.server.config_model import Config
from whale.server.users import login_url
from whale.session.registry import Registry
from whale.store.database import Database
from whale.store.tokens import TokenTable
from whale.store.users import UserTable


async def announcement(
    config: Config,
    engine: Engine,
    registry: Registry,
    *,
    address: tuple[str, int],
    more: Sequence[str],
    first_start: bool,
    state_dir_origin: str,
) -> str:
    """Write it. `address` is where the server listens, `more` what other parts have to say."""
    scheme = "https" if config.tls.is_on else "http"
    host, port = address
    url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    lines = [f"whale-server {__version__} listening on {url}", await _engine_line(engine), *more]
    keeper = registry.shelf.keeper
    if keeper.kind == "none":
        lines.append(f"sessions end with this server: {keeper.reason}")
    if registry.live:
        lines.append(f"{registry.live} sessions of the last server go on")
    if first_start:
        state_dir = "" if state_dir_origin == "default" else f"--state-dir {config.state_dir} "
        lines.append(f"nobody may log in yet; this prints how: whale-server {state_dir}user add NAME")
    if config.tls.own_ca:
        lines.append(f"log in with: whale login {login_url(config, port=port)}")
    return "\n".join(lines)


async def is_first_start(config: Config, database: Database) -> bool:
    """Whether there is nobody who could log in: no person, no token, and nobody who vouches for others."""
    return not config.oidc.issuer and not await TokenTable(database).list() and not await UserTable(database).list()


async def _engine_line(engine: Engine) -> str:
    try:
        info = await engine.info()
    except EngineUnavailable as error:
        return f"engine {engine.name}: {error.message}; whale-server goes on and tries again at each request"
    return f"engine {info.name}: {info.kind} {info.version}"
