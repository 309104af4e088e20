"""Fuzz what a client makes of a server's lines: events or an error, and text without a control in it."""

from whale.client.cast import CastReader
from whale.client.export import FORMS
from whale.model.errors import ProtocolError

HEADER = b'{"version": 3, "term": {"cols": 80, "rows": 24, "type": "xterm"}, "timestamp": 1700000000}'
SEEDS: list[bytes] = [
    HEADER + b'\n[0.5, "o", "hi\\u001b[31mred\\u001b[m\\r\\n"]\n[1.000, "i", "ls"]\n[0, "r", "90x30"]\n[2, "x", "0"]\n',
    HEADER + '\n[0.1, "o", "\ufffd"]\n#whale {"raw":"/w=="}\n#whale {"key":{"at":5,"cols":1,"rows":1}}\n'.encode(),
    HEADER + b'\n[0, "o", "\\u001b]0;title"]\n[0, "o", "\\u0007a\\rb\\b\\bc\\n"]\n[0, "e", "\\ud800"]\n',
]


def fuzz_one(data: bytes) -> None:
    """Read all lines, and write them in every form."""
    lines = data.split(b"\n")
    reader, at = CastReader(), 0
    try:
        for line in lines:
            for event in reader.feed(line):
                assert event.at >= 0
                at = max(at, event.at)
    except ProtocolError:
        pass
    for name, form in FORMS.items():
        try:
            out = b"".join(form(lines))
        except ProtocolError:
            continue
        if name == "text":
            assert all(c in "\n\t" or not (ord(c) < 32 or 127 <= ord(c) < 160) for c in out.decode()), (
                "a control is left"
            )
