"""The first line of a recording: asciicast's header, with what whale knows of the session under `whale`."""

import msgspec

from whale.model.errors import RecordingError
from whale.model.terminal import TerminalSize

DEFAULT_SIZE = TerminalSize(cols=80, rows=24)
"""Said of a command without a terminal, because players want one."""


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who did what where."""

    id: str
    """Of the session, and so of its recording."""
    started: int
    """Milliseconds since 1970."""
    principal: str
    tty: bool
    mode: str
    """What of it is recorded."""
    container: dict[str, str]
    """`id`, `name`, `image` and `engine`."""
    labels: dict[str, str] = {}
    command: tuple[str, ...] = ()
    reason: str = ""
    policies: tuple[str, ...] = ()


class Term(msgspec.Struct, frozen=True, omit_defaults=True):
    """The terminal."""

    cols: int
    rows: int
    type: str = ""


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole line."""

    version: int = 3
    term: Term
    timestamp: int
    """Seconds since 1970."""
    title: str = ""
    command: str = ""
    whale: About

    def __post_init__(self) -> None:
        if self.version != 3:
            raise ValueError("this is not asciicast v3")


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Header)


def make_header(about: About, size: TerminalSize | None, *, terminal: str = "") -> Header:
    """Make the header of a new recording; `terminal` is what TERM says."""
    cols, rows = size or DEFAULT_SIZE
    command = " ".join(about.command)
    return Header(
        term=Term(cols, rows, terminal),
        timestamp=about.started // 1000,
        title=f"{about.principal}@{about.container.get('name', '')}",
        command=command,
        whale=about,
    )


def encode_header(header: Header) -> bytes:
    """Make the line, with its end."""
    data = bytearray(_encoder.encode(header))
    if b'"version"' not in data[:20]:
        # The first key of the line, as everybody expects it, and so never left out.
        data[:1] = b'{"version":3,'
    return bytes(data) + b"\n"


def decode_header(line: bytes) -> Header:
    """Read the line. Raises `RecordingError`."""
    try:
        return _decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise RecordingError(
            "the recording does not begin as one", code="recording.damaged", detail=str(error)
        ) from error
