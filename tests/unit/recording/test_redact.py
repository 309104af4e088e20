"""The redactor, on its corpus and by examples."""

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from tests.corpus.secrets import cases, harmless, survivors
from whale.model.limits import MAX_REDACTED_LINE, MAX_REDACTION_HELD
from whale.recording.redact import Redactor, Span, mark
from whale.recording.rules import Rules

TOKEN = b"gh" + b"p_" + b"a1B2" * 9
RULES = Rules()
GITHUB = mark("github-token")


def spans_of(redactor: Redactor, pieces: Sequence[bytes]) -> list[Span]:
    spans = [span for piece in pieces for span in redactor.feed(piece)]
    return spans + redactor.finish()


def recorded(*pieces: bytes, rules: Rules = RULES, secrets: Sequence[bytes] = (), cols: int = 0) -> bytes:
    return b"".join(span.data for span in spans_of(Redactor(rules, secrets=secrets, cols=cols), pieces))


def each_byte(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def test_nothing_of_the_corpus_is_left() -> None:
    left = {}
    for case in cases():
        output = recorded(*case.pieces, cols=case.cols)
        assert survivors(case.secret, case.output), case.name
        if found := survivors(case.secret, output):
            left[case.name] = found
    assert not left


def test_any_cut_of_the_corpus_gives_the_same() -> None:
    for case in cases(60):
        assert recorded(*case.pieces, cols=case.cols) == recorded(case.output, cols=case.cols), case.name


@pytest.mark.parametrize("text", harmless())
def test_what_is_no_secret_stays(text: str) -> None:
    data = text.encode("latin-1")
    assert recorded(data) == data
    lines = (data + b"\r\n") * 40
    assert recorded(lines) == lines


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_spans_are_the_stream_in_order(cut: int) -> None:
    data = b"x " + TOKEN + b" y\r\n" + b"plain line\r\n" * 100 + b"password=abc" + b"\x1b[3"
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    spans = spans_of(Redactor(RULES, offset=1000), pieces)
    assert spans[0].start == 1000
    assert all(one.end == other.start for one, other in pairwise(spans))
    assert spans[-1].end == 1000 + len(data)


def test_controls_within_stay_and_no_sequence_is_cut() -> None:
    styled = TOKEN[:3] + b"\x1b[31m" + TOKEN[3:9] + b"\x1b]0;title\x07" + TOKEN[9:] + b"\x1b[0m!"
    expected = GITHUB + b"\x1b[31m\x1b]0;title\x07\x1b[0m!"
    assert recorded(styled) == expected
    assert recorded(*each_byte(styled)) == expected


def test_a_string_for_the_terminal_keeps_its_form() -> None:
    assert (
        recorded(b"\x1b]8;;https://h/?t=" + TOKEN + b"\x1b\\text") == b"\x1b]8;;https://h/?t=" + GITHUB + b"\x1b\\text"
    )


def test_a_token_may_follow_another_one() -> None:
    assert recorded(TOKEN + TOKEN + b" " + TOKEN) == GITHUB + b" " + GITHUB


def test_a_prompt_is_not_held_back_and_the_beginning_of_a_token_is() -> None:
    redactor = Redactor(RULES)
    assert [span.data for span in redactor.feed(b"root@box:/# ")] == [b"root@box:/# "]
    assert redactor.held == 0
    redactor.feed(b"echo " + TOKEN[:20])
    assert redactor.held == 20
    assert b"".join(span.data for span in redactor.feed(b"!")) == TOKEN[:20] + b"!"
    assert redactor.held == 0


def test_a_long_secret_is_redacted_as_it_comes() -> None:
    redactor = Redactor(RULES)
    out = b"".join(span.data for _ in range(100) for span in redactor.feed(b"a" * 1000)) + b"x"
    redactor.feed(b" pypi" + b"-")
    spans = [span for _ in range(300) for span in redactor.feed(b"A" * 1000)]
    assert b"".join(span.data for span in spans) == b" "[:0] + mark("pypi-token")
    assert redactor.held == 0
    assert out.startswith(b"aaa")


def test_the_tail_of_a_key_ends_where_no_key_is_so_long() -> None:
    begin = b"-----BEGIN" + b" PRIVATE KEY-----\r\n"
    output = recorded(begin + b"word " * 10_000)
    assert output.startswith(mark("private-key"))
    assert len(output) > 20_000


def test_noise_without_end_within_a_secret_lets_nothing_through() -> None:
    noise = b"\x1b[31m" * (MAX_REDACTION_HELD // 4)
    redactor = Redactor(RULES)
    out = b"".join(span.data for span in redactor.feed(TOKEN[:10]) + redactor.feed(noise))
    assert redactor.held < MAX_REDACTION_HELD
    out += b"".join(span.data for span in redactor.feed(TOKEN[10:] + b" end") + redactor.finish())
    assert not survivors(TOKEN.decode(), out)
    assert out.endswith(b" end")


@pytest.mark.parametrize("break_", [b"\r\n", b" \r"])
def test_only_a_line_as_wide_as_the_terminal_goes_on(break_: bytes) -> None:
    secret = b"password=" + b"s3cret" * 10
    wrapped = break_.join((secret[:40], secret[40:]))
    assert b"s3cret" not in recorded(wrapped, cols=40)
    assert b"s3cret" not in recorded(*each_byte(wrapped), cols=40)
    assert b"s3cret" in recorded(wrapped, cols=50)


def test_the_width_may_change() -> None:
    redactor = Redactor(RULES, cols=80)
    redactor.resize(20)
    text = b"password=" + b"s" * 11 + b"\r\n" + b"s" * 9 + b" x"
    assert b"".join(span.data for span in redactor.feed(text) + redactor.finish()).endswith(b"]\r\n x")


def test_fixed_texts_are_redacted() -> None:
    secret = b"correct horse\nbattery staple " * 4
    shown = secret.replace(b"\n", b"\r\n")
    for pieces in ([b"a " + shown + b"!"], each_byte(b"a " + shown + b"!")):
        output = recorded(*pieces, secrets=[secret])
        assert b"horse" not in output
        assert b"staple" not in output
        assert output.startswith(b"a " + mark("secret"))
    assert recorded(b"short ab", secrets=[b"ab", b"      "]) == b"short ab"
    long = b"line\r\n" * 1000 + b"x hunter22 y\r\n" + b"line\r\n" * 1000
    assert b"hunter22" not in recorded(long, secrets=[b"hunter22"])


def test_expressions_of_the_operator_look_at_lines() -> None:
    rules = Rules({"card": r"\b\d{4}-\d{4}-\d{4}-\d{4}\b"}, with_formats=False)
    data = b"pay 1234-\x1b[1m5678-9012-3456 now\r\n" + b"other\r\n" * 100 + b"5678-1234-5678-1234"
    expected = b"pay [redacted: card]\x1b[1m now\r\n" + b"other\r\n" * 100 + b"[redacted: card]"
    assert recorded(data, rules=rules) == expected
    assert recorded(*each_byte(data), rules=rules) == expected
    assert recorded(TOKEN, rules=rules) == TOKEN


def test_what_two_rules_find_together_has_one_mark() -> None:
    rules = Rules({"tail": "B2 [a-z]+"})
    assert recorded(b"a " + TOKEN + b" and more", rules=rules) == b"a " + GITHUB + b" more"


def test_of_two_rules_at_one_place_the_same_is_named_at_any_cut() -> None:
    rules = Rules({"number": "n[0-9]+"})
    data = b"password=n1234"
    assert recorded(data, rules=rules) == recorded(*each_byte(data), rules=rules) == b"password=[redacted: number]"


def test_expressions_see_long_lines_in_pieces() -> None:
    rules = Rules({"number": "n[0-9]{10}"}, with_formats=False)
    data = b"".join(b"%d n%010d" % (at, at) for at in range(3 * MAX_REDACTED_LINE // 10))
    for pieces in ([data], [data[at : at + 333] for at in range(0, len(data), 333)]):
        output = recorded(*pieces, rules=rules)
        assert b"n0" not in output
        assert output.count(b"[redacted: number]") == data.count(b"n")


def test_a_line_full_of_colours_does_not_wait_for_ever() -> None:
    redactor = Redactor(Rules({"card": "[0-9]{16}"}))
    data = b"\x1b[38;2;100;100;100mx" * 20_000
    assert b"".join(span.data for span in redactor.feed(data) + redactor.feed(b"y")).startswith(data[:1000])
    assert redactor.held <= MAX_REDACTION_HELD + len(data)


def test_a_line_that_ends_within_a_sequence_holds_nothing_back() -> None:
    data = b"\x1b[1\n" + b"plain line\n" * 10_000
    redactor = Redactor(RULES)
    redactor.feed(data)
    assert redactor.held < 64
    assert recorded(*each_byte(data[:400])) == data[:400]
    broken = TOKEN[:9] + b"\x1b[1\n31m" + TOKEN[9:] + b" end\n"
    assert recorded(broken) == recorded(*each_byte(broken)) == GITHUB + b"\x1b[1\n31m end\n"


@pytest.mark.parametrize("seed", range(8))
def test_binary_noise_is_not_held_back(seed: int) -> None:
    chance, redactor = random.Random(seed), Redactor(RULES)
    for _ in range(40):
        redactor.feed(chance.randbytes(65_536))
        assert redactor.held < 1024


def test_titles_without_end_are_not_held() -> None:
    redactor = Redactor(RULES)
    picture = b"\x1b]1337;File=:" + b"AAAA " * 100_000
    assert sum(len(span.data) for span in redactor.feed(picture)) > 499_000
    assert b"".join(span.data for span in redactor.feed(b" " + TOKEN + b"\x07!")) == b" " + GITHUB + b"\x07!"


def test_binary_noise_comes_through_unchanged() -> None:
    noise = random.Random(7).randbytes(300_000)
    assert recorded(noise) == noise
    assert recorded(*[noise[at : at + 777] for at in range(0, len(noise), 777)], cols=80) == noise
