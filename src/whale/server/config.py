"""Loads the server's settings: defaults, then the file, the environment, the flags; the later one wins.

Together with `config_model.py` this is the only place in the server that reads files or the environment. No
message repeats a value: a setting given in the wrong place may be a secret.
"""

import difflib
import os
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from whale.model.errors import ConfigError
from whale.model.text import printable
from whale.server.config_model import ENV_PREFIX, Config, ListenAddress, Setting, settings
from whale.store.place import StorePlace

__all__ = ["CONFIG_VARIABLE", "Config", "ListenAddress", "Setting", "StorePlace", "load_config", "settings"]

CONFIG_VARIABLE = f"{ENV_PREFIX}CONFIG"
"""Names the file when `--config` does not."""

MAX_FILE = 1024 * 1024
"""Largest settings file read, in bytes."""


class _Given(NamedTuple):
    value: object
    origin: str
    base: Path
    """What a relative path is relative to."""


def load_config(
    flags: Mapping[str, object] | None = None,
    *,
    config_file: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[Config, dict[str, str]]:
    """Load and check all settings.

    `flags` holds values by dotted path; None means the flag was not given. Returns the settings and, by
    dotted path, where each came from: `default`, `file PATH`, `environment NAME` or `flag --name`. Raises
    `ConfigError` whose message starts with the dotted path.
    """
    env = os.environ if environ is None else environ
    known = settings()
    given: dict[str, _Given] = {}
    file = config_file or env.get(CONFIG_VARIABLE, "")
    if file:
        given |= _from_file(Path(file).absolute(), known)
    given |= _from_environment(env, known)
    given |= _from_flags(flags or {}, known)
    origins = {path: given[path].origin if path in given else "default" for path in known}
    values = {path: _converted(known[path], item) for path, item in given.items()}
    values.setdefault("state_dir", str(_default_state_dir(env)))
    config = msgspec.convert(_tree(values), Config)
    try:
        config.check()
        for path, setting in known.items():
            if setting.kind == "file":
                _check_readable(path, str(_lookup(config, path)), sensitive=setting.sensitive)
        for number, rule in enumerate(config.federation):
            _check_readable(f"federation[{number}].ca_file", rule.ca_file, sensitive=False)
    except ConfigError as error:
        origin = origins.get(error.path.partition("[")[0], "default")
        raise _located(error.path, error.message, origin, error.hint) from error
    return config, origins


def _from_file(file: Path, known: Mapping[str, Setting]) -> dict[str, _Given]:
    name = printable(str(file))
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_FILE + 1)
        if len(text) > MAX_FILE:
            raise ConfigError(f"{name}: is larger than a settings file can be", path="--config")
        tree = tomllib.loads(text.decode())
    except OSError as error:
        raise ConfigError(f"{name}: can't be read: {error.strerror}", path="--config") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: is not UTF-8 text", path="--config", hint="it must be TOML") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: is not TOML: {printable(str(error))}", path="--config") from error
    sections = _sections(known)
    found = _flat(tree, "", sections, name)
    for path in found:
        if path not in known:
            hint = _nearest(path, [*known, *sections])
            raise _located(printable(path), "no such setting", f"file {name}", hint)
    return {path: _Given(value, f"file {name}", file.parent) for path, value in found.items()}


def _sections(paths: Iterable[str]) -> set[str]:
    """All that holds settings, also within another one."""
    parts = [path.split(".")[:-1] for path in paths]
    return {".".join(each[: end + 1]) for each in parts for end in range(len(each))}


def _flat(tree: Mapping[str, object], prefix: str, sections: Collection[str], name: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in tree.items():
        path = prefix + key
        if path not in sections:
            found[path] = value
        elif isinstance(value, dict):
            found |= _flat(value, f"{path}.", sections, name)
        else:
            raise _located(path, "must be a section", f"file {name}", f"write [{path}] on a line of its own")
    return found


def _from_environment(env: Mapping[str, str], known: Mapping[str, Setting]) -> dict[str, _Given]:
    by_name = {setting.env: path for path, setting in known.items() if setting.env}
    found: dict[str, _Given] = {}
    for name, value in env.items():
        if not name.startswith(ENV_PREFIX) or name == CONFIG_VARIABLE:
            continue
        if name not in by_name:
            hint = _nearest(name, [*by_name, CONFIG_VARIABLE])
            raise _located(printable(name), "no such setting", "environment", hint)
        if not value:  # An empty variable is how a compose file says "not set".
            continue
        path = by_name[name]
        is_list = isinstance(known[path].default, tuple)
        item: object = [part.strip() for part in value.split(",") if part.strip()] if is_list else value
        found[path] = _Given(item, f"environment {name}", Path.cwd())
    return found


def _from_flags(flags: Mapping[str, object], known: Mapping[str, Setting]) -> dict[str, _Given]:
    return {
        path: _Given(value, f"flag {known[path].flag}", Path.cwd())
        for path, value in flags.items()
        if value is not None
    }


def _converted(setting: Setting, given: _Given) -> object:
    """Give a value its type. Text is read as a number or boolean only where text is all a source has."""
    try:
        strict = not given.origin.startswith("environment")
        value: object = msgspec.convert(given.value, setting.type, strict=strict)
    except msgspec.ValidationError as error:
        choices = getattr(getattr(setting.type, "__origin__", None), "__args__", ())
        if choices and all(isinstance(choice, str) for choice in choices):
            raise _located(
                setting.path, "is not one of its values", given.origin, f"one of: {', '.join(choices)}"
            ) from None
        problem, _, place = str(error).replace("`", "").partition(" - at $")
        path = setting.path + place if setting.kind == "tables" else setting.path
        raise _located(path, problem[:1].lower() + problem[1:], given.origin) from None
    if setting.kind and isinstance(value, str) and value:
        if "\0" in value:
            raise _located(setting.path, "has a NUL character", given.origin)
        return str(given.base / value)
    return value


def _default_state_dir(env: Mapping[str, str]) -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/whale")
    base = env.get("XDG_STATE_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "whale"


def _check_readable(path: str, file: str, *, sensitive: bool) -> None:
    if not file:
        return
    try:
        with open(file, "rb") as stream:
            stream.read(1)
    except OSError as error:
        name = "the file" if sensitive or len(file) > 256 else printable(file)
        raise ConfigError(f"{name} can't be read: {error.strerror}", path=path) from error


def _tree(values: Mapping[str, object]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *sections, name = path.split(".")
        at = tree
        for section in sections:
            at = at.setdefault(section, {})
        at[name] = value
    return tree


def _lookup(config: Config, path: str) -> object:
    value: object = config
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _nearest(name: str, candidates: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else "`whale-server config check` lists all settings"


def _located(path: str, problem: str, origin: str, hint: str = "") -> ConfigError:
    place = "" if origin == "default" else f" ({origin})"
    return ConfigError(f"{path}: {problem}{place}", path=path, hint=hint)
