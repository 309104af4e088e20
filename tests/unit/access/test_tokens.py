"""The token: form, checksum, hash, and what is said to whom."""

import hashlib
import re
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.access import tokens as room
from whale.access.tokens import (
    TOKEN_LENGTH,
    TOKEN_PATTERN,
    NewToken,
    ParsedToken,
    account_of,
    create_token,
    parse_token,
    verify_token,
)
from whale.model.errors import AuthenticationError
from whale.model.ids import TokenId
from whale.model.principal import PrincipalKind, Scope

NOW = 1_000_000
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Row(NamedTuple):
    id: TokenId
    name: str
    digest: bytes
    expires: int | None = None
    revoked: int | None = None
    last_used: int | None = None
    groups: tuple[str, ...] = ()
    scope: Scope | None = None
    kind: PrincipalKind = PrincipalKind.MACHINE

    @property
    def lives_by(self) -> TokenId:
        return self.id


def parsed(made: NewToken) -> ParsedToken:
    token = parse_token(made.text.reveal())
    assert token is not None
    return token


def test_a_token_has_the_documented_form() -> None:
    text = create_token().text.reveal()
    assert len(text) == TOKEN_LENGTH == 67
    assert re.fullmatch(TOKEN_PATTERN, text)


def test_a_known_token_is_read_as_documented() -> None:
    # Frozen: a token made today is read by every later version.
    body = "whale_" + "AbCdEfGhIj01" + "0123456789" * 4 + "abc"
    token = parse_token(body + "4ZMWZI")
    assert token is not None
    assert (token.id, token.secret.reveal()) == ("AbCdEfGhIj01", "0123456789" * 4 + "abc")


def test_two_tokens_share_nothing() -> None:
    first, second = create_token(), create_token()
    assert first.id != second.id
    assert first.digest != second.digest


def test_the_digest_is_the_sha256_of_the_secret_alone() -> None:
    made = create_token()
    secret = made.text.reveal()[18:61]
    assert made.digest == hashlib.sha256(secret.encode()).digest()
    assert parsed(made).secret.reveal() == secret


def test_a_new_token_does_not_print() -> None:
    made = create_token()
    for shown in (repr(made), str(made), f"{made}", repr(parsed(made))):
        assert made.text.reveal()[18:61] not in shown


@pytest.mark.parametrize("text", ["", "whale", "WHALE_abc", "ghp_0123456789", "ey.jwt.text", " whale_"])
def test_what_is_not_ours_is_left_to_others(text: str) -> None:
    assert parse_token(text) is None


def damaged(text: str) -> list[str]:
    swapped = text[:20] + text[21] + text[20] + text[22:]
    other = "A" if text[30] != "A" else "B"
    return [
        text[:-1],
        text + "0",
        text[:30] + other + text[31:],
        text[:33] + " " + text[33:],
        text[:33] + "\n" + text[34:],
        text[:-1] + "é",
        text[:-1] + "\udc80",
        "whale_",
        *([swapped] if swapped != text else []),
    ]


def test_what_is_ours_and_damaged_is_an_error() -> None:
    for text in damaged(create_token().text.reveal()):
        with pytest.raises(AuthenticationError, match="damaged") as caught:
            parse_token(text)
        assert caught.value.code == "auth.invalid"
        assert text[18:30] not in str(caught.value) + caught.value.hint or len(text) < 20


@pytest.mark.parametrize("length", [0, 1, 11, 54, 56, 200])
def test_another_length_is_damaged_even_with_a_right_checksum(length: int) -> None:
    body = "whale_" + "a" * length
    with pytest.raises(AuthenticationError, match="damaged"):
        parse_token(body + room._checksum(body))


@given(st.text() | st.text(alphabet=BASE62, min_size=61, max_size=61).map("whale_".__add__))
def test_parsing_raises_nothing_but_its_own_error(text: str) -> None:
    try:
        token = parse_token(text)
    except AuthenticationError:
        assert text.startswith("whale_")
    else:
        assert (token is None) == (not text.startswith("whale_"))


@given(position=st.integers(6, 66), letter=st.sampled_from(BASE62))
def test_every_change_of_one_character_is_noticed(position: int, letter: str) -> None:
    text = create_token().text.reveal()
    changed = text[:position] + letter + text[position + 1 :]
    if changed != text:
        with pytest.raises(AuthenticationError):
            parse_token(changed)


def test_the_right_secret_is_accepted() -> None:
    made = create_token()
    row = Row(made.id, "alice", made.digest, expires=NOW + 1)
    assert verify_token(parsed(made), row, now=NOW) is row
    forever = Row(made.id, "alice", made.digest)
    assert verify_token(parsed(made), forever, now=2**40) is forever


def test_unknown_and_wrong_look_the_same() -> None:
    made = create_token()
    wrong = Row(made.id, "alice", create_token().digest, expires=NOW - 1, revoked=NOW - 1)
    answers = []
    for stored in (None, wrong):
        with pytest.raises(AuthenticationError) as caught:
            verify_token(parsed(made), stored, now=NOW)
        answers.append((caught.value.code, caught.value.message, caught.value.hint, caught.value.detail))
    assert answers[0] == answers[1]
    assert answers[0][:2] == ("auth.invalid", "the token is not valid")


def test_the_stand_in_for_an_unknown_id_is_no_way_in(monkeypatch: pytest.MonkeyPatch) -> None:
    # Not even for a secret that hashed to it.
    monkeypatch.setattr(room, "digest_secret", lambda secret: room._NO_DIGEST)
    with pytest.raises(AuthenticationError, match="not valid"):
        verify_token(parsed(create_token()), None, now=NOW)


@pytest.mark.parametrize(
    ("expires", "revoked", "message"),
    [(NOW, None, "expired"), (NOW - 1, None, "expired"), (None, 5, "revoked"), (NOW + 9, NOW + 9, "revoked")],
)
def test_the_holder_is_told_why(expires: int | None, revoked: int | None, message: str) -> None:
    made = create_token()
    with pytest.raises(AuthenticationError, match=message) as caught:
        verify_token(parsed(made), Row(made.id, "alice", made.digest, expires, revoked), now=NOW)
    assert caught.value.code == "auth.invalid"


def test_whose_credential_it_is_can_be_seen_when_it_is_whole() -> None:
    made = create_token()
    assert account_of(f"Bearer {made.text.reveal()}") == made.id
    for header in (None, "", "Bearer", "Bearer x", f"Bearer {made.text.reveal()[:-1]}", "Basic YTpi"):
        assert account_of(header) == ""


@pytest.mark.parametrize(("revoked", "expires"), [(1, None), (None, NOW - 1)])
def test_one_that_was_right_once_is_no_guess(revoked: int | None, expires: int | None) -> None:
    made = create_token()
    row = Row(made.id, "alice", made.digest, expires, revoked)
    with pytest.raises(AuthenticationError) as spent:
        verify_token(parsed(made), row, now=NOW)
    with pytest.raises(AuthenticationError) as wrong:
        verify_token(parsed(made), row._replace(digest=bytes(32)), now=NOW)
    assert (spent.value.is_spent, wrong.value.is_spent) == (True, False)


def test_secrets_are_compared_in_constant_time_whatever_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("whale.access.tokens.hmac.compare_digest", compare_digest)
    made = create_token()
    for row in (None, Row(made.id, "alice", bytes(32)), Row(made.id, "alice", made.digest, revoked=1)):
        with pytest.raises(AuthenticationError):
            verify_token(parsed(made), row, now=NOW)
    assert compared == [(32, 32)] * 3
