"""Each known format, found and left alone."""

import random
import re
from pathlib import Path

import pytest

from tests.corpus.secrets import TOKENS, VALUES
from whale.access.tickets import SECRET_LENGTH
from whale.access.tokens import create_token
from whale.recording.formats import FORMATS
from whale.recording.redact import Redactor
from whale.recording.rules import Rules

RULES = Rules()


def recorded(text: str) -> str:
    redactor = Redactor(RULES)
    return b"".join(span.data for span in redactor.feed(text.encode()) + redactor.finish()).decode()


@pytest.mark.parametrize("kind", [kind for kind in TOKENS if kind != "key"])
def test_a_token_goes_and_what_is_shorter_stays(kind: str) -> None:
    token = TOKENS[kind](random.Random(kind))
    assert re.fullmatch(r"a \[redacted: [a-z-]+\] b", recorded(f"a {token} b"))
    short = token[: 9 if kind != "age" else 30]
    assert recorded(f"a {short} b") == f"a {short} b"


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_goes_and_what_it_belongs_to_stays(kind: str) -> None:
    before, _, _, after = VALUES[kind]
    output = recorded(f"{before}Valu3Valu3Valu3Valu3Valu3Valu3{after}")
    assert output.startswith(before.removesuffix("$6$"))
    assert output.endswith(f"]{after}")
    assert "Valu3" not in output


def test_whales_own_tokens_go() -> None:
    assert recorded(create_token().text.reveal()) == "[redacted: whale-token]"
    assert recorded("whale" + "_" + "a" * SECRET_LENGTH) == "[redacted: whale-token]"


@pytest.mark.parametrize(
    "text",
    [
        "password:",
        "password: \r\n",
        "password=''",
        "token: 5",
        "secret: no",
        "passwords: all of them",
        "/etc/passwd: x",
    ],
)
def test_what_has_no_value_stays(text: str) -> None:
    assert recorded(text) == text


def test_a_value_in_quotes_ends_with_them() -> None:
    assert recorded('{"password": "two words", "a": 1}') == '{"password": "[redacted: password]", "a": 1}'
    assert recorded(r"{\"password\": \"two words\"}") == r"{\"password\": \"[redacted: password]\"}"


def test_the_document_lists_every_rule() -> None:
    document = (Path(__file__).parents[3] / "docs/recording-redaction.md").read_text()
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", document, re.MULTILINE))
    assert listed == {shape.rule for shape in FORMATS}
