"""The settings of recordings. Which sessions are recorded the policies say, with @record."""

import math
import re
from typing import Annotated, Final

import msgspec

from whale.model.errors import ConfigError, RecordingError
from whale.model.recordings import LABEL
from whale.recording.codec import Sealer
from whale.recording.rules import Rules
from whale.server.config_s3 import S3Section
from whale.server.config_section import Section, about

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_KEPT: Final = re.compile(rf"{LABEL.pattern}=[0-9]{{1,5}}(\.[0-9]{{1,3}})?")
_NAMED: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}=.+", re.DOTALL)


class RecordingSection(Section, frozen=True):
    """How recordings are kept."""

    recipients: Annotated[
        tuple[str, ...],
        about(
            "Public keys of age (age1…). With any, recordings are encrypted to them, and the server can't read them."
        ),
    ] = ()
    redact: Annotated[
        tuple[str, ...],
        about("Expressions of what is not recorded, each as NAME=EXPRESSION, beside the formats that are known."),
    ] = ()
    redact_env: Annotated[
        tuple[str, ...], about("Variables whose values are not recorded, of those that a command is started with.")
    ] = ()
    keep_labels: Annotated[
        tuple[str, ...],
        about("Days that recordings with a label are kept instead, each as LABEL=DAYS; 0 keeps them all."),
    ] = ()
    keep: Annotated[float, about("Days that recordings are kept; 0 keeps all.", ge=0, le=36_500)] = 0.0
    max_bytes: Annotated[
        int, about("Bytes of files above which the oldest recordings are deleted; 0 keeps all.", ge=0, le=10**18)
    ] = 0

    s3: S3Section = msgspec.field(default_factory=S3Section)

    def check(self) -> None:
        """Check that the number is one, and the keys."""
        try:
            self.s3.check()
        except ConfigError as error:
            raise ConfigError(error.message, path=f"s3.{error.path}", hint=error.hint) from error
        if not math.isfinite(self.keep):
            raise ConfigError("must be a number of days", path="keep")
        if not all(_KEPT.fullmatch(each) for each in self.keep_labels) or len(self.days) < len(self.keep_labels):
            hint = 'for example keep_labels = ["incident=3650"]'
            raise ConfigError("needs days for each label, and each label once", path="keep_labels", hint=hint)
        if not all(_VARIABLE.fullmatch(each) for each in self.redact_env):
            raise ConfigError("holds what can't be the name of a variable", path="redact_env")
        if self.redact:
            self._check_expressions()
        try:
            Sealer(self.recipients)
        except RecordingError as error:
            raise ConfigError("holds what is no public key of age", path="recipients", hint=error.hint) from error

    @property
    def days(self) -> dict[str, float]:
        """How long recordings with a label are kept, by their labels."""
        return {label: float(days) for label, _, days in (each.partition("=") for each in self.keep_labels)}

    @property
    def expressions(self) -> dict[str, str]:
        """The expressions by their names."""
        return {name: text for name, _, text in (each.partition("=") for each in self.redact)}

    def _check_expressions(self) -> None:
        if not all(_NAMED.fullmatch(each) for each in self.redact) or len(self.expressions) < len(self.redact):
            hint = 'for example redact = ["employee-number=E[0-9]{6}"]'
            raise ConfigError("needs a name before each expression, and each once", path="redact", hint=hint)
        try:
            Rules(self.expressions, with_formats=False)
        except ConfigError as error:
            raise ConfigError(f"{error.path}: {error.message}", path="redact", hint=error.hint) from error
