"""What follows from the parts of a secret."""

import re

from whale.recording.expressions import Expression, Expressions
from whale.recording.shapes import Part, Shape, begun, ends_begun, literal

NUMBER = Shape("number", b"no_", Part(rb"[0-9]", 3, 3), rest=rb"[0-9]")
VALUE = Shape(
    "value",
    b"key",
    Part(rb"[a-z]", 1, 4, may_break=False),
    context=(Part(b"=", may_break=False),),
    close=literal(b";"),
    any_case=True,
    not_after=b"/",
)


def test_a_whole_secret_goes_with_its_lead() -> None:
    match = NUMBER.whole.match(b"n\no_1\n23")
    assert match is not None
    assert match[1] == b"n\no_1\n23"
    assert NUMBER.whole.match(b"no_12") is None
    assert NUMBER.rest.match(b"456x") is not None


def test_a_context_and_what_closes_stay() -> None:
    match = VALUE.whole.match(b"KEY=abc;")
    assert match is not None
    assert match[1] == b"abc"
    assert VALUE.whole.match(b"KEY=abc") is None
    assert VALUE.whole.match(b"/key=abc;", 1) is None


def test_every_beginning_of_a_secret_is_known_for_one_and_no_other() -> None:
    for text in (b"no_12", b"no_\n12", b"no_12\n"):
        for end in range(1, len(text) + 1):
            assert NUMBER.begun.match(text[:end]), text[:end]
    for text in (b"no_12x", b"no_1\n\n", b"x"):
        assert NUMBER.begun.match(text) is None
    assert VALUE.begun.match(b"Key=ab")
    assert VALUE.begun.match(b"Key=abcde") is None


def test_a_part_may_be_left_out() -> None:
    pattern = re.compile(begun([Part(b"a"), Part(b" ", 0, 2), Part(b"b"), Part(b"c")]))
    assert all(pattern.match(text) for text in (b"a", b"a ", b"a  ", b"ab", b"a  b"))
    assert not any(pattern.match(text) for text in (b"a   ", b"abx", b"ac"))


def test_leads_that_have_begun_are_found_at_the_end() -> None:
    pattern = ends_begun([NUMBER, VALUE])
    starts = [match.start() if (match := pattern.search(text)) else None for text in (b"xn", b"x KE", b"no_1", b"x")]
    assert starts == [1, 2, None, None]
    assert ends_begun([]).search(b"anything") is None


def test_signs_are_in_raw_output_also_where_the_lead_is_broken() -> None:
    first = Expressions([Expression(sign) for sign in NUMBER.signs]).first()
    for text in (b"x no_", b"n\r\no_", b"no\n_", b"no \r_"):
        assert first(text) is not None, text
    assert first(b"n o_") is None
    leads = Expressions([Expression(lead) for lead in NUMBER.leads]).search()
    assert len(leads(b"no_ n\no_")) == 2


def test_a_sign_can_be_given() -> None:
    assert Shape("a", b"lead", Part(b"x"), sign=b"lead=").signs[0] == b"lead="
    assert Shape("a", b"l d", Part(b"x"), sign_text=b"ab").signs == [rb"\x61\x62", rb"\x61(?:\r?\n|\s?\r)\x62"]
