import random

from fuzz.mutate import mutate


def test_the_same_seed_gives_the_same_bytes() -> None:
    seeds = (b"one example", b'{"another": 1}')
    first = [mutate(random.Random(f"7:{n}"), seeds) for n in range(200)]
    assert first == [mutate(random.Random(f"7:{n}"), seeds) for n in range(200)]
    assert len(set(first)) > 150


def test_no_seed_at_all_still_gives_something_to_feed() -> None:
    assert any(mutate(random.Random(n), ()) for n in range(20))


def test_the_size_is_bounded() -> None:
    seeds = (bytes(1 << 20),)
    assert all(len(mutate(random.Random(n), seeds)) <= 1 << 20 for n in range(50))
