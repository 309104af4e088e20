"""The two ways in which a provider fails: it does not answer, or what it answers is not acceptable.

Neither says anything about the person, and neither lets anybody in.
"""

from whale.model.errors import WhaleError


def unavailable(detail: str) -> WhaleError:
    """The provider can't be reached, or is in trouble. It may be over in a moment."""
    return WhaleError(
        "the identity provider does not answer",
        code="login.unavailable",
        hint="try again later; logins that there are go on",
        detail=detail,
    )


def unacceptable(detail: str) -> WhaleError:
    """What the provider said, or somebody in its place, does not prove anything."""
    return WhaleError(
        "the identity provider's answer is not acceptable",
        code="login.failed",
        hint="begin again; if it lasts, the server's log says why",
        detail=detail,
    )
