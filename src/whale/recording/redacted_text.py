"""Looks for secrets once more in what the screen showed: a program may have put one together there, piece by piece."""

from collections.abc import Sequence

from whale.recording.redact import Redactor
from whale.recording.rules import Rules
from whale.recording.text import SpokenLine


class TextRedactor:
    """One per indexer."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def redact(self, lines: Sequence[SpokenLine]) -> list[SpokenLine]:
        """Return the same lines, without what the rules find in them."""
        data = "".join([f"{line.text}\n" for line in lines]).encode("utf-8", "replace")
        redactor = Redactor(self._rules)
        out: list[bytes] = []
        for start, end, piece in (*redactor.feed(data), *redactor.finish()):
            before = data[start:end]
            # As many lines as there were: each has its time.
            out.append(piece if piece == before else piece + b"\n" * before.count(b"\n"))
        text = b"".join(out)
        if text == data:
            return list(lines)
        shown = text.decode("utf-8", "replace").split("\n")
        return [line._replace(text=new.strip()) for line, new in zip(lines, shown, strict=False) if new.strip()]
