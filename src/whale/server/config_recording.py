"""The settings of recordings. Which sessions are recorded the policies say, with @record."""

from typing import Annotated

from whale.server.config_section import Section, about


class RecordingSection(Section, frozen=True):
    """How recordings are kept."""

    recipients: Annotated[
        tuple[str, ...],
        about(
            "Public keys of age (age1…). With any, recordings are encrypted to them, and the server can't read them."
        ),
    ] = ()
