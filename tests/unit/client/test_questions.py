import pytest

from whale.client.questions import MAX_HELD, asks, string_asks

OSC, DCS, APC, PM = b"]P_^"


@pytest.mark.parametrize(
    "sequence",
    [
        *("c", "0c", ">c", ">0c", "=c", "5n", "6n", "?6n", "?996n", "4$p", "?2026$p", "x", "1x", ">q", ">0q", "?u"),
        *("11t", "13t", "14t", "14;2t", "15t", "16t", "18t", "19t", "20t", "21t", "018t", "?1;1;0S", "?4m", "?4g"),
        *("1$u", "1$w", "1;1;1;1;2;2*y", "&u", "'|", '"v', "#R", "#S", "1;1;2;2#|"),
    ],
)
def test_sequences_that_are_answered(sequence: str) -> None:
    assert asks(sequence.encode())


@pytest.mark.parametrize(
    "sequence",
    [
        *("m", "1;31m", "?25h", "4l", "H", "3;4H", "2J", "u", ">1u", "<u", "=1u", "s", "3S", "?1c", ">4n", "!p", "q"),
        *("2 q", '1"q', "8;24;80t", "22;0t", "23t", "1t", "t", "111t", "1;1;2;2$x", "2*x", ">4;2m", "1;1;3;3$r"),
    ],
)
def test_sequences_that_are_not(sequence: str) -> None:
    assert not asks(sequence.encode())


def test_controls_within_a_sequence_make_no_difference() -> None:
    assert asks(b"\n6\x08n")
    assert not asks(b"\n6\x08m")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        *((OSC, f"{number};?") for number in (10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 50, "011")),
        *((OSC, body) for body in ("4;1;?", "4;1;#fff;2;?", "5;0;?", "52;c;?", "52;;?", "21;foreground=?;1=red")),
        *((OSC, body) for body in ("22;?__current__", "60", "61;x", "99;i=1:p=?;", "5522;type=read;Lg==")),
        *((OSC, body) for body in ("1337;ReportCellSize", "1337;ReportVariable=x", "1\x001;?")),
        *((DCS, body) for body in ("$qm", "+q544e", "+Qx", "1$q")),
        *((APC, body) for body in ("Ga=q,i=1;AAAA", "Gi=1,a=q", "Gi=1,s=1,a=q;")),
    ],
)
def test_strings_that_are_answered(kind: int, body: str) -> None:
    assert string_asks(kind, body.encode(), is_whole=True)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        *(
            (OSC, body)
            for body in ("0;title?", "2;?", "7;file://h/?", "8;;http://x/?", "9;?", "133;A", "777;?", "P0000000")
        ),
        *((OSC, body) for body in ("4;1;#fff", "10;#fff", "11;rgb:1/2/3", "52;c;QUJD", "52;c;", "104", "110", "112;?")),
        *(
            (OSC, body)
            for body in ("21;foreground=red", "22;text", "99;i=1;hello", "5522;type=write", "1337;File=x:QUJD")
        ),
        *((OSC, body) for body in ("", ";?", "1234567890;?", "x11;?")),
        *((DCS, body) for body in ("q#0~", "1;2|17/ab", "1$r0m", ">|text", "1000p", "$", "", "=1s")),
        *((APC, body) for body in ("Ga=T,f=24;a=q", "Gf=100,a=t;", "25a1;s", "a=q", "")),
        (PM, "$qm"),
    ],
)
def test_strings_that_are_not(kind: int, body: str) -> None:
    assert string_asks(kind, body.encode(), is_whole=True) is False


@pytest.mark.parametrize(
    ("kind", "body", "decided"),
    [
        (OSC, "1", None),
        (OSC, "11", None),
        (OSC, "11;", None),
        (OSC, "2;", False),
        (OSC, "52;c;", None),
        (OSC, "52;c;?", None),
        (OSC, "52;c;Q", False),
        (OSC, "1337;Report", None),
        (OSC, "1337;File", False),
        (OSC, "5522;type=read", None),
        (DCS, "", None),
        (DCS, "1;2", None),
        (DCS, "+", None),
        (DCS, "+q", True),
        (DCS, "q", False),
        (APC, "", None),
        (APC, "Ga=q", None),
        (APC, "Ga=T;", False),
        (APC, "x", False),
        (PM, "", False),
    ],
)
def test_what_is_decided_by_the_beginning(kind: int, body: str, decided: bool | None) -> None:
    assert string_asks(kind, body.encode(), is_whole=False) is decided


def test_what_takes_too_long_to_decide_is_taken_for_a_question() -> None:
    colours = b"4" + b";1;#fff" * (MAX_HELD // 7 + 1)
    assert string_asks(OSC, colours, is_whole=False) is True
    assert string_asks(OSC, colours, is_whole=True) is True
    assert string_asks(OSC, colours[: MAX_HELD - 10], is_whole=True) is False
    assert string_asks(OSC, b"52;c;" + b"QUJD" * MAX_HELD, is_whole=True) is False
