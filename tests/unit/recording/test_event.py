from whale.recording.event import BYTES, Code


def test_the_letters_are_those_of_asciicast() -> None:
    assert "".join(code.value for code in Code if code is not Code.ERROR_OUTPUT) == "oirmx"
    assert set(BYTES) == {Code.OUTPUT, Code.ERROR_OUTPUT, Code.INPUT}
