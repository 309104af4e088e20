from bench.profile import summary

STACKS = """\
run (server.py:1);loop (loop.c:1);send (gateway.py:2);write (libc.so.6) 6
run (server.py:1);loop (loop.c:1);send (gateway.py:2) 2
run (server.py:1);loop (loop.c:1);read (log.py:3) 2
run (server.py:1);loop (loop.c:1);epoll_pwait (libc.so.6) 90
"""


def test_waiting_is_no_work_and_shares_are_of_the_rest() -> None:
    rows = [" ".join(line.split()) for line in summary(STACKS).splitlines()]
    own, within = rows[1 : rows.index("with what it calls:")], rows[rows.index("with what it calls:") + 1 :]
    assert own == ["60.0 % write (libc.so.6)", "20.0 % send (gateway.py:2)", "20.0 % read (log.py:3)"]
    assert within == ["100.0 % run (server.py:1)", "80.0 % send (gateway.py:2)", "20.0 % read (log.py:3)"]


def test_a_recording_without_samples_has_a_summary() -> None:
    assert "itself" in summary("")
