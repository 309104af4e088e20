from whale.screen.allowance import BURST, PER_BYTE, SHARE, Allowance


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_output_as_usual_never_uses_it_up() -> None:
    allowance = Allowance(Clock())
    assert all(allowance.spend(1024 * PER_BYTE * 0.9, size=1024) for _ in range(10_000))


def test_costly_output_uses_it_up() -> None:
    allowance = Allowance(Clock())
    spent = 0.0
    while allowance.spend(1024 * PER_BYTE * 2, size=1024):
        spent += 1024 * PER_BYTE * 2
    assert BURST < spent < 2.1 * BURST


def test_it_grows_with_time_but_only_so_far() -> None:
    clock = Clock()
    allowance = Allowance(clock)
    assert allowance.spend(BURST * 0.99, size=0)
    clock.now += BURST / 2 / SHARE
    assert allowance.spend(BURST * 0.5, size=0)
    clock.now += 3600
    assert allowance.spend(BURST * 0.99, size=0)
    assert not allowance.spend(BURST * 0.02, size=0)
