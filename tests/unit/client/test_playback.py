"""Everything is shown once, in order, and when it is time."""

from hypothesis import given
from hypothesis import strategies as st

from whale.client.cast import CastEvent
from whale.client.playback import LATE, SPEEDS, Playback


def at(ms: int, code: str = "o") -> CastEvent:
    return CastEvent(ms, code, b"%d" % ms)


def playing(*events: CastEvent, idle_limit: float = 10.0, **more: float) -> Playback:
    made = Playback(now=100.0, idle_limit=idle_limit, **more)  # type: ignore[arg-type]
    made.add(events)
    return made


def times(events: list[CastEvent]) -> list[int]:
    return [event.at for event in events]


def test_events_come_at_their_time() -> None:
    playback = playing(at(0), at(1000), at(1500))
    assert times(playback.take(100.0)) == [0]
    assert playback.due(100.25) == 0.75
    assert playback.take(100.9) == []
    assert times(playback.take(101.0)) == [1000]
    assert playback.due(101.0) == 0.5
    assert times(playback.take(101.5)) == [1500]
    assert playback.due(102.0) is None
    assert not playback.is_over
    playback.is_ended = True
    assert playback.is_over


def test_a_small_delay_is_caught_up_with_and_a_large_one_is_not() -> None:
    playback = playing(at(1000), at(2000), at(3000))
    assert times(playback.take(101.0 + LATE / 2)) == [1000]
    assert times(playback.take(102.0)) == [2000], "the delay did not add up"
    assert times(playback.take(110.0)) == [3000]
    playback.add([at(4000)])
    assert playback.due(110.0) == 1.0, "what is live goes on from when it came"


def test_speed_and_idle_time() -> None:
    playback = playing(at(1000), at(100_000), speed=2.0, idle_limit=3.0)
    assert playback.due(100.0) == 0.5
    playback.take(100.5)
    assert playback.due(100.5) == 1.5
    playback.change_speed(100.5, 1)
    assert (playback.speed, playback.due(100.5)) == (4.0, 0.75)
    playback.change_speed(100.5, 100)
    assert playback.speed == SPEEDS[-1]
    playback.change_speed(100.5, -100)
    assert playback.speed == SPEEDS[0]


def test_a_change_of_speed_counts_from_now() -> None:
    playback = playing(at(10_000), idle_limit=100.0)
    playback.change_speed(105.0, 1)
    assert playback.position(105.0) == 5000
    assert playback.due(105.0) == 2.5


def test_a_pause_stops_the_time() -> None:
    playback = playing(at(1000), at(2000))
    playback.toggle(100.25)
    assert playback.due(100.25) is None
    assert playback.take(200.0) == []
    assert playback.position(200.0) == 250
    playback.toggle(200.0)
    assert playback.due(200.0) == 0.75
    assert times(playback.take(200.75)) == [1000]


def test_steps_are_for_pauses() -> None:
    playback = playing(at(1000), at(2000))
    assert playback.step(100.0) == []
    playback.toggle(100.0)
    assert times(playback.step(100.0)) == [1000]
    assert times(playback.step(100.0)) == [2000]
    assert playback.step(100.0) == []
    assert playback.position(500.0) == 2000


def test_skips_are_shown_at_once_and_time_goes_on_from_there() -> None:
    playback = playing(at(0), at(4000), at(5000), at(5500))
    playback.take(100.0)
    playback.skip_to(playback.position(100.0) + 5000)
    assert playback.due(100.0) == 0.0
    assert times(playback.take(100.0)) == [4000, 5000]
    assert playback.due(100.0) == 0.5


def test_begins_in_the_midst() -> None:
    playback = playing(at(60_000), at(61_000), at(63_000), from_ms=62_000)
    assert times(playback.take(100.0)) == [60_000, 61_000], "the picture, and what led to that moment"
    assert playback.due(100.0) == 1.0
    assert playback.position(100.5) == 62_500


def test_the_picture_of_a_moment_is_shown_also_in_a_pause() -> None:
    playback = playing(at(60_000), at(60_001), from_ms=60_000)
    playback.is_paused = True
    assert times(playback.take(100.0)) == [60_000]


def test_a_pause_is_skipped_through() -> None:
    playback = playing(at(1000), at(9000))
    playback.toggle(100.0)
    playback.skip_to(5000)
    assert times(playback.take(100.0)) == [1000]
    assert playback.take(500.0) == []
    assert playback.position(500.0) == 5000


def test_markers() -> None:
    playback = playing(at(1000), at(2000, "m"), at(3000), at(4000, "m"), at(5000), at(6000, "m"), at(7000))
    playback.skip_to_marker()
    assert times(playback.take(100.0)) == [1000, 2000]
    playback.skip_to_marker()
    playback.skip_to_marker()
    assert times(playback.take(100.0)) == [3000, 4000, 5000, 6000]
    assert playback.markers == [2000, 4000, 6000]
    assert playback.marker_before(100.0) == 4000
    assert playback.marker_before(100.95) == 4000
    playback.skip_to_marker()
    assert times(playback.take(100.0)) == [7000]
    assert playing(at(1)).marker_before(100.0) is None


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 5)),
        st.tuples(st.sampled_from(["toggle", "step", "faster", "slower", "skip", "marker", "add"]), st.just(0.0)),
    ),
    max_size=40,
)


@given(st.lists(st.tuples(st.integers(0, 4000), st.sampled_from("oim")), max_size=30), OPERATIONS)
def test_whatever_is_done_all_is_shown_once_and_in_order(
    gaps: list[tuple[int, str]], operations: list[tuple[str, float]]
) -> None:
    now, whole, when = 100.0, list[CastEvent](), 0
    for number, (gap, code) in enumerate(gaps):
        when += gap
        whole.append(CastEvent(when, code, b"%d" % number))
    playback, left, seen = Playback(now=now), list(whole), list[CastEvent]()
    for name, value in operations:
        now += value
        if name == "toggle":
            playback.toggle(now)
        elif name == "step":
            seen += playback.step(now)
        elif name in ("faster", "slower"):
            playback.change_speed(now, 1 if name == "faster" else -1)
        elif name == "skip":
            playback.skip_to(playback.position(now) + 5000)
        elif name == "marker":
            playback.skip_to_marker()
        elif name == "add" and left:
            playback.add([left.pop(0)])
        before = playback.position(now)
        seen += playback.take(now)
        assert playback.position(now) >= before
    playback.add(left)
    if playback.is_paused:
        playback.toggle(now)
    while (wait := playback.due(now)) is not None:
        now += wait + 1e-6
        seen += playback.take(now)
    assert seen == whole
