from bench.tty_output import LINE, text


def test_the_file_has_its_size_and_is_made_of_lines() -> None:
    assert text(len(LINE) * 2 + 3) == LINE + LINE + LINE[:3]
    assert len(text(1 << 20)) == 1 << 20
