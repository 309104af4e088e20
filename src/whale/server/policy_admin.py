"""What an operator does with policy files: look whether they are right, and begin with a set of them."""

import os
from pathlib import Path
from typing import NamedTuple

from whale.model.errors import ConfigError, UsageError, WhaleError
from whale.policy.directory import read_directory, read_file
from whale.policy.rules import Rules, load_rules
from whale.policy.shipped import made_rules, role_files


class Report(NamedTuple):
    """What was found in files of policies."""

    files: int
    policies: int
    problems: list[str]


def check(place: Path) -> Report:
    """Look at a directory of policies, or at one file. Raises `ConfigError` for what can't be read."""
    files = read_directory(place) if place.is_dir() else [read_file(place)]
    rules, problems = load_rules(files)
    return Report(len(files), len(rules.policies) if rules is not None else 0, [str(problem) for problem in problems])


def load(place: Path) -> Rules:
    """Make rules of a directory of policies, or of one file. Raises `ConfigError` with file and line."""
    return made_rules(read_directory(place) if place.is_dir() else [read_file(place)])


def init(directory: Path) -> list[str]:
    """Write the roles into a directory that has no policies yet; return the names of the files.

    Raises `UsageError` when it has some, and `WhaleError` when it can't be written.
    """
    try:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        if any(entry.suffix == ".cedar" for entry in directory.iterdir()):
            raise UsageError("there are policies already", hint="name a directory without .cedar files")
        for file in role_files():
            descriptor = os.open(directory / file.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            with open(descriptor, "w", encoding="utf-8") as made:
                made.write(file.text)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise WhaleError(f"the policies can't be written: {reason}") from error
    return [file.name for file in role_files()]


def directory_of(setting: str, given: str | None) -> Path:
    """The place that was named, or that of the settings. Raises `ConfigError` when there is none."""
    if not (given or setting):
        raise ConfigError(
            "no directory of policies is set",
            path="policy.dir",
            hint="name one, or set policy.dir; without it everybody may do what policy.* says",
        )
    return Path(given or setting)
