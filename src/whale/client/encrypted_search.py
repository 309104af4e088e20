"""Searches recordings that the server can't read: they are fetched, and opened with a key that stays here."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final

from whale.client.find import find_in_lines
from whale.client.own_copy import open_copy, own_copy
from whale.client.profile import Profile
from whale.client.recordings import FoundRecording, list_recordings
from whale.model.errors import RecordingError
from whale.model.secret import Secret
from whale.recording.search_query import SearchQuery

EACH: Final = 10
"""Lines of one recording, as of those that the server searches."""


def search_encrypted(
    profile: Profile,
    text: str,
    query: Mapping[str, str],
    identities: Sequence[Secret],
    *,
    limit: int,
    reason: str = "",
) -> list[FoundRecording]:
    """Search all that fit, newest first, up to so many lines. Those that no key opens are passed over.

    Raises `WhaleError`.
    """
    asked = SearchQuery(text)
    found: list[FoundRecording] = []
    room = limit
    for recording in list_recordings(profile, query, limit=None):
        if not recording.encrypted or recording.status == "recording":
            continue
        with own_copy(profile, recording.id, reason=reason) as directory, open_copy(directory, identities, 0) as lines:
            try:
                hits = tuple(islice(find_in_lines(asked, lines), min(room, EACH)))
            except RecordingError as error:
                if error.code != "recording.encrypted":
                    raise
                continue
        if hits:
            found.append(FoundRecording(recording, hits))
            room -= len(hits)
        if room <= 0:
            break
    return found
