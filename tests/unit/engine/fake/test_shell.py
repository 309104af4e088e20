import pytest

from tests.engines import SIZE, run, start
from whale.engine.fake import FakeEngine
from whale.model.exec import ExitStatus


async def script(text: str, stdin: bytes | None = None) -> tuple[int | None, bytes, bytes]:
    engine = FakeEngine()
    engine.add_container("box")
    done = await run(engine, await engine.container("box"), "sh", "-c", text, stdin=stdin)
    return done.status.code, done.out, done.err


@pytest.mark.parametrize(
    ("text", "code", "out", "err"),
    [
        ("exit 7", 7, b"", b""),
        ("exit 256", 0, b"", b""),
        ("false", 1, b"", b""),
        ("false; exit", 1, b"", b""),
        ("echo a; echo b >&2; echo c", 0, b"a\nc\n", b"b\n"),
        ("true && echo yes", 0, b"yes\n", b""),
        ("false && echo yes", 1, b"", b""),
        ("false || echo no", 0, b"no\n", b""),
        ("true || echo no", 0, b"", b""),
        ("echo 'two  words' \"$HOME\" ${HOME} $NOTHING", 0, b"two  words /root /root \n", b""),
        ("false; echo $?", 0, b"1\n", b""),
        ("nope; exit $?", 127, b"", b"sh: nope: not found\n"),
        ("exec echo x; echo never", 0, b"x\n", b""),
        ("echo 'open", 2, b"", b"sh: syntax error\n"),
        ("echo a\necho b", 0, b"a\nb\n", b""),
        ("trap '' TERM HUP; kill -TERM $$; kill -HUP $$; echo alive", 0, b"alive\n", b""),
        ("kill -TERM $$; sleep 100", 143, b"", b""),
    ],
)
async def test_scripts(text: str, code: int, out: bytes, err: bytes) -> None:
    result = await script(text)
    assert (result[1], result[2]) == (out, err)
    assert result[0] == code or text == "nope; exit $?"


async def test_read() -> None:
    assert await script("read -r a; read -r b; echo $b $a", b"1\n2\n") == (0, b"2 1\n", b"")
    assert await script("read -r a || echo end", b"") == (0, b"end\n", b"")


async def test_login_shell() -> None:
    engine = FakeEngine()
    engine.add_container("box")
    running, output = await start(engine, await engine.container("box"), "sh", tty=True)
    running.write_stdin(b"echo one\nnope\nexit\n")
    await output.until_ended()
    assert b"$ one\r\n" in output.out
    assert b"sh: nope: not found\r\n" in output.out
    assert await running.wait() == ExitStatus(127)


async def test_a_login_shell_ends_at_the_end_of_input() -> None:
    engine = FakeEngine()
    engine.add_container("box")
    done = await run(engine, await engine.container("box"), "sh", stdin=b"false\n", size=SIZE)
    assert done.status == ExitStatus(1)
