from whale.model.recording_proof import RecordingProof


def test_a_trail_that_has_nothing_proves_nothing() -> None:
    assert RecordingProof() == ((), (), False, "", 0, "")
