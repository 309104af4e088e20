import msgspec

from whale.server.config_recording import RecordingSection


def test_recordings_are_not_encrypted_unless_somebody_says_to_whom() -> None:
    assert RecordingSection().recipients == ()
    assert msgspec.convert({"recipients": ["age1x"]}, RecordingSection).recipients == ("age1x",)
