"""A secret that does not print."""

from typing import Never


class Secret:
    """Holds a credential. `reveal()` is the only way to its text; comparing takes constant time."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text. The caller puts it into a header or a hash, and nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("Secret(…)", spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        import hmac  # 12 ms that a command line which compares nothing does not pay

        # A header or a variable may hold bytes that are not UTF-8; Python keeps them as lone surrogates.
        mine, theirs = (secret._text.encode("utf-8", "surrogatepass") for secret in (self, other))
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not pickled")
