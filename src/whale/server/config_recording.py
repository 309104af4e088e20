"""The settings of recordings. Which sessions are recorded the policies say, with @record."""

import math
from typing import Annotated

from whale.model.errors import ConfigError, RecordingError
from whale.recording.codec import Sealer
from whale.server.config_section import Section, about


class RecordingSection(Section, frozen=True):
    """How recordings are kept."""

    recipients: Annotated[
        tuple[str, ...],
        about(
            "Public keys of age (age1…). With any, recordings are encrypted to them, and the server can't read them."
        ),
    ] = ()
    keep: Annotated[float, about("Days that recordings are kept; 0 keeps all.", ge=0, le=36_500)] = 0.0
    max_bytes: Annotated[
        int, about("Bytes of files above which the oldest recordings are deleted; 0 keeps all.", ge=0, le=10**18)
    ] = 0

    def check(self) -> None:
        """Check that the number is one, and the keys."""
        if not math.isfinite(self.keep):
            raise ConfigError("must be a number of days", path="keep")
        try:
            Sealer(self.recipients)
        except RecordingError as error:
            raise ConfigError("holds what is no public key of age", path="recipients", hint=error.hint) from error
