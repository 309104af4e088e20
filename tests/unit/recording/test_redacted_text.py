import pytest

from whale.recording.redacted_text import TextRedactor
from whale.recording.rules import Rules
from whale.recording.text import LineKind, SpokenLine


@pytest.fixture(scope="module")
def redactor() -> TextRedactor:
    return TextRedactor(Rules({"number": "E[0-9]{6}"}))


def lines(*texts: str) -> list[SpokenLine]:
    return [SpokenLine(number, LineKind.SCREEN, text) for number, text in enumerate(texts)]


def test_lines_without_secrets_stay(redactor: TextRedactor) -> None:
    some = lines("drop table", "é 日本", "x" * 3000)
    assert redactor.redact(some) == some


def test_a_secret_goes_and_all_lines_keep_their_times(redactor: TextRedactor) -> None:
    key = ["-----BEGIN PRIVATE KEY-----", *("A" * 64 for _ in range(5)), "-----END PRIVATE KEY-----"]
    found = redactor.redact(lines("before", "number E123456 is", *key, "after"))
    assert found[:2] == [(0, "screen", "before"), (1, "screen", "number [redacted: number] is")]
    assert found[-1] == (len(key) + 2, "screen", "after")
    assert not any("AAAA" in line.text for line in found)
