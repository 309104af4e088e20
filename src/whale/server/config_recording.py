"""The settings of recordings. Which sessions are recorded the policies say, with @record."""

from typing import Annotated

from whale.server.config_section import Section, about, check_finite


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
        """Check that the number is one."""
        check_finite(self.keep, "keep")
