from whale.access.oidc.fetch import MAX_DOCUMENT, Answer


def test_a_document_has_a_bound() -> None:
    assert MAX_DOCUMENT == 262_144
    assert Answer(200, b"x").body == b"x"
