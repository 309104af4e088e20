from whale.access.oidc.failures import RefusedToken, refused, unacceptable, unavailable
from whale.model.outcomes import outcome_of


def test_neither_is_about_the_person() -> None:
    for error, code, status in (
        (unavailable("x.example"), "login.unavailable", 503),
        (unacceptable("x.example"), "login.failed", 502),
    ):
        assert (error.code, outcome_of(error.code).http) == (code, status)
        assert "x.example" not in error.message + error.hint
        assert "password" not in error.message + error.hint


def test_a_token_that_is_refused_is_no_answer_of_the_provider() -> None:
    error = refused("x.example")
    assert (isinstance(error, RefusedToken), error.code, error.detail) == (True, "login.failed", "x.example")
    assert error.message == unacceptable("").message
