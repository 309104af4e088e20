from hypothesis import given
from hypothesis import strategies as st

from whale.client.escape import HELP, EscapeAction, EscapeReader

KEYS = st.lists(st.sampled_from([b"~", b".", b"?", b"\r", b"\n", b"a", b"\xe8\xaa\x9e"])).map(b"".join)


def outcome(pieces: list[bytes]) -> tuple[bytes, tuple[EscapeAction, ...]]:
    """What comes of pieces, up to the end that the user asked for."""
    reader = EscapeReader()
    data = b""
    actions: tuple[EscapeAction, ...] = ()
    for piece in pieces:
        typed, meant = reader.feed(piece)
        data += typed
        actions += meant
        if EscapeAction.END in actions:
            return data, actions
    return data + reader.finish(), actions


def model(keys: bytes) -> tuple[bytes, tuple[EscapeAction, ...]]:
    """The rule in other words: look at each tilde that follows a newline or the start."""
    data, index, fresh = b"", 0, True
    actions: tuple[EscapeAction, ...] = ()
    while index < len(keys):
        two = keys[index : index + 2]
        if fresh and two == b"~.":
            return data, (*actions, EscapeAction.END)
        if fresh and two == b"~?":
            actions, index = (*actions, EscapeAction.HELP), index + 2
            continue
        if fresh and two == b"~~":
            data, index, fresh = data + b"~", index + 2, False
            continue
        if fresh and two[:1] == b"~" and len(two) == 2:
            data, index = data + b"~", index + 1
            fresh = False
            continue
        data += keys[index : index + 1]
        fresh = keys[index : index + 1] in (b"\r", b"\n")
        index += 1
    return data, actions


@given(KEYS, st.data())
def test_any_split_gives_what_the_rule_says(keys: bytes, draw: st.DataObject) -> None:
    cuts = sorted(draw.draw(st.sets(st.integers(0, len(keys)))))
    pieces = [keys[a:b] for a, b in zip([0, *cuts], [*cuts, len(keys)], strict=True)]
    assert outcome(pieces) == model(keys)


@given(st.binary())
def test_input_without_tildes_passes_at_once(data: bytes) -> None:
    plain = data.replace(b"~", b"")
    assert EscapeReader().feed(plain) == (plain, ())


def test_only_a_tilde_after_a_newline_is_held_and_only_until_the_next_byte() -> None:
    reader = EscapeReader()
    assert reader.feed(b"~")[0] == b""
    assert reader.feed(b"x")[0] == b"~x"
    assert reader.feed(b"~.")[0] == b"~."
    assert reader.feed(b"\r~")[0] == b"\r"
    assert reader.finish() == b"~"
    assert reader.finish() == b""


def test_help_names_every_action() -> None:
    assert all(f"~{action.value}" in HELP for action in EscapeAction)
