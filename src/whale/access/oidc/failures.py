"""The two ways in which a provider fails: it does not answer, or what it answers is not acceptable.

Neither says anything about the person, and neither lets anybody in.
"""

from typing import Final

from whale.model.errors import WhaleError

_MESSAGE: Final = "the identity provider's answer is not acceptable"
_HINT: Final = "begin again; if it lasts, the server's log says why"


def unavailable(detail: str) -> WhaleError:
    """The provider can't be reached, or is in trouble. It may be over in a moment."""
    return WhaleError(
        "the identity provider does not answer",
        code="login.unavailable",
        hint="try again later; logins that there are go on",
        detail=detail,
    )


class RefusedToken(WhaleError):
    """A token that proves nothing: its own fault, and not that of the provider whose it says it is."""

    default_code = "login.failed"


def refused(detail: str) -> RefusedToken:
    """The token is not what it says, or is not good any more. Who has it may be somebody in the provider's place."""
    return RefusedToken(_MESSAGE, hint=_HINT, detail=detail)


def unacceptable(detail: str) -> WhaleError:
    """What the provider said, or somebody in its place, does not prove anything."""
    return WhaleError(_MESSAGE, code="login.failed", hint=_HINT, detail=detail)
