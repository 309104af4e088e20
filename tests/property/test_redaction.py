"""Whatever the output is and however it is cut: nothing is lost, and the cuts do not matter."""

from hypothesis import given
from hypothesis import strategies as st

from whale.recording.redact import Redactor, Span
from whale.recording.rules import Rules

TOKEN = b"gh" + b"p_" + b"x1" * 18
OTHER = b"gh" + b"p_" + b"z9" * 18
RULES = Rules({"number": "n[0-9]{3,5}"})
SECRETS = [b"hunter22", b"hunter23", b"two\nlines of it"]

_SECRETS = (TOKEN, TOKEN[:9], TOKEN[9:], b"hunter22", b"hunt", b"er22", b"two\r\nlines of it", b"n1234", b"n12", b"345")
_TEXT = (
    b"password",
    b": ",
    b"=",
    b'"',
    b"value",
    b" ",
    b"\r\n",
    b"\r",
    b"\n",
    b" \r",
    b"\t",
    b"\x08 \x08",
    b"\x00",
    b"/",
)
_CONTROLS = (
    b"\x1b[31m",
    b"\x1b[",
    b"\x1b",
    b"3",
    b"m",
    b"\x1b[2;1H",
    b"\x1b]0;",
    b"\x07",
    b"\x1b\\",
    b"\xc2",
    b"\x9b",
    b"\x9d",
)
_KEYS = (b"-----BEGIN", b" PRIVATE KEY-----", b"MIIB", b"-----END", b"-", b"://me:", b"pass@", b"eyJ", b"abcdefgh.")
_LINES = (b"a plain line of text\r\n" * 20, b"x" * 19)
PARTS = st.sampled_from((*_SECRETS, *_TEXT, *_CONTROLS, *_KEYS, *_LINES))
STREAMS = st.lists(PARTS | st.binary(max_size=3), max_size=40).map(b"".join)


def run(data: bytes, cuts: list[int]) -> list[Span]:
    redactor = Redactor(RULES, secrets=SECRETS, cols=20, offset=7)
    places = sorted(cut % (len(data) + 1) for cut in cuts)
    pieces = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    return [span for piece in pieces for span in redactor.feed(piece)] + redactor.finish()


@given(STREAMS, st.lists(st.integers(min_value=0), max_size=30))
def test_any_cut_gives_the_same(data: bytes, cuts: list[int]) -> None:
    whole = b"".join(span.data for span in run(data, []))
    assert b"".join(span.data for span in run(data, cuts)) == whole
    assert b"".join(span.data for span in run(data, list(range(len(data))))) == whole


@given(STREAMS, st.lists(st.integers(min_value=0), max_size=30))
def test_spans_are_the_stream_in_order(data: bytes, cuts: list[int]) -> None:
    place = 7
    for span in run(data, cuts):
        assert span.start == place
        assert span.end > span.start
        place = span.end
    assert place == 7 + len(data)


@given(st.binary(max_size=3000), st.lists(st.integers(min_value=0), max_size=10))
def test_what_has_no_secret_is_the_same_byte_by_byte(data: bytes, cuts: list[int]) -> None:
    assert b"".join(span.data for span in run(data, cuts)) == data


@given(STREAMS)
def test_no_secret_that_stands_free_is_left(data: bytes) -> None:
    output = b"".join(span.data for span in run(data + b"\x18 \r\n\r\n " + OTHER + b" hunter23 \r\n", []))
    assert OTHER not in output
    assert b"hunter23" not in output
