"""The secrets that are known by how they look: tokens, keys, and what is assigned to a name such as `password`.

docs/recording-redaction.md lists them; a test keeps it true.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from whale.recording.shapes import Part, Shape, literal

_ALNUM: Final = rb"[A-Za-z0-9]"
_WORD: Final = rb"[A-Za-z0-9_-]"
_SPACE: Final = Part(rb"[ \t]", 0, 3, may_break=False)
_QUOTES: Final = Part(rb"[\"'\\]", 0, 2, may_break=False)
_EQUALS: Final = Part(rb"[:=]", may_break=False)
_BARE: Final = rb"[^\s\"'`,;&|(){}<>\\]"
_USER: Final = Part(rb"[^\s/:@\"'?#<>]", 0, 64, may_break=False)
_GAP: Final = (Part(rb"[ \t]", 1, 3, may_break=False),)
_BEARER: Final = rb"[A-Za-z0-9._~+/=-]"
_IN_KEY: Final = rb"(?:[A-Za-z0-9+/=:,. \t\n\\]|-(?<!--))"
_IN_HASH: Final = rb"[./A-Za-z0-9$=,]"
_NAMES: Final = (
    b"secret", b"token", b"credential", b"credentials", b"api_key", b"api-key", b"apikey", b"access_key", b"access-key",
    b"accesskey", b"secret_key", b"secret-key", b"secretkey", b"private_key", b"private-key", b"privatekey",
)  # fmt: skip
_IN_URL: Final = rb"[^\s/@\"'<>]"


def _token(rule: str, lead: bytes, chars: bytes, least: int, rest: bytes = b"") -> Shape:
    # Any token's characters: another one may follow at once.
    return Shape(rule, lead, Part(chars, least, least), rest=rest or _WORD)


_TOKENS: Final = (
    *(_token("github-token", b"gh" + kind + b"_", _ALNUM, 36) for kind in (b"p", b"o", b"u", b"s", b"r")),
    _token("github-token", b"github_pat_", rb"[A-Za-z0-9_]", 36),
    _token("gitlab-token", b"glpat-", _WORD, 20, rb"[A-Za-z0-9_.-]"),
    _token("gitlab-token", b"glrt-", _WORD, 20, rb"[A-Za-z0-9_.-]"),
    _token("gitlab-token", b"gldt-", _WORD, 20, rb"[A-Za-z0-9_.-]"),
    _token("aws-key-id", b"AKIA", rb"[A-Z0-9]", 16),
    _token("aws-key-id", b"ASIA", rb"[A-Z0-9]", 16),
    *(_token("slack-token", b"xox" + kind + b"-", rb"[A-Za-z0-9-]", 10) for kind in (b"a", b"b", b"e", b"o", b"p")),
    *(_token("slack-token", b"xox" + kind + b"-", rb"[A-Za-z0-9-]", 10) for kind in (b"r", b"s")),
    _token("slack-token", b"xapp-", rb"[A-Za-z0-9-]", 20),
    _token("google-key", b"AIza", _WORD, 35),
    *(_token("stripe-key", kind + b"_live_", _ALNUM, 16) for kind in (b"sk", b"rk")),
    _token("npm-token", b"npm_", _ALNUM, 36),
    _token("pypi-token", b"pypi-", _WORD, 32),
    _token("docker-token", b"dckr_pat_", _WORD, 20),
    _token("vault-token", b"hvs.", _WORD, 24),
    _token("openai-key", b"sk-proj-", _WORD, 20),
    _token("anthropic-key", b"sk-ant-", _WORD, 20),
    _token("age-key", b"AGE-SECRET-KEY-1", rb"[0-9A-Z]", 40),
    _token("whale-token", b"whale_", _ALNUM, 40),
)

_JWTS: Final = (
    Shape("jwt", b"eyJ", Part(_WORD, 8, 256), Part(rb"\."), Part(_WORD, 8, 8), rest=rb"[A-Za-z0-9_.-]"),
    Shape("jwt", b"eyJ", Part(_WORD, 257, 257), rest=rb"[A-Za-z0-9_.-]"),
)

_KEYS: Final = tuple(
    # The first dash of the line at the end goes, the others end the key.
    Shape("private-key", b"-----BEGIN", *literal(b" %s-----" % kind), rest=_IN_KEY, most=16384)
    for kind in (
        b"PRIVATE KEY",
        b"RSA PRIVATE KEY",
        b"EC PRIVATE KEY",
        b"DSA PRIVATE KEY",
        b"OPENSSH PRIVATE KEY",
        b"ENCRYPTED PRIVATE KEY",
        b"PGP PRIVATE KEY BLOCK",
    )
)

_HASHES: Final = tuple(
    _token("password-hash", lead, _IN_HASH, 20, _IN_HASH)
    for lead in (b"$6$", b"$5$", b"$y$", b"$2a$", b"$2b$", b"$2y$")
)


def _assignments(rule: str, names: Sequence[bytes], least: int) -> Iterator[Shape]:
    """Return the shapes of a value that is assigned to a name: as it is, and in quotes, where it may have spaces."""
    context = (_QUOTES, _SPACE, _EQUALS, _SPACE)
    for name in names:
        # Colours may begin between the spaces.
        sign = rb"(?:^|[^/])" + re.escape(name) + rb"[\"'\\]{0,2}(?:[ \t]{0,3}[:=]|[ \t]\x1b)"
        for quote in (rb"\"", b"'"):
            inside = rb"[^%s\\\n]" % quote
            opened = (*context, Part(rb"\\", 0, 1, may_break=False), Part(quote, may_break=False))
            yield Shape(
                rule,
                name,
                Part(inside, least, least, may_break=False),
                rest=inside,
                context=opened,
                any_case=True,
                sign=sign,
            )
        yield Shape(
            rule,
            name,
            Part(_BARE, least, least, may_break=False),
            rest=_BARE,
            context=context,
            any_case=True,
            sign=sign,
            not_after=b"/",
        )


_OPTIONS: Final = tuple(
    Shape(
        "password",
        option,
        Part(rb"[^\s\"'-]", may_break=False),
        rest=rb"[^\s]",
        context=[Part(rb"[ \t]", 1, 3, may_break=False), Part(rb"[\"']", 0, 1, may_break=False)],
    )
    for option in (b"--password", b"--passwd", b"--token", b"--secret", b"--api-key")
)

_HEADERS: Final = (
    Shape(
        "authorization",
        b"authorization",
        Part(rb"[^\s\"']", may_break=False),
        rest=rb"[^\s\"']",
        context=(_QUOTES, _SPACE, _EQUALS, _SPACE, _QUOTES, Part(rb"[a-z]", 1, 20, may_break=False), *_GAP),
        any_case=True,
        sign=rb"authorization[\"'\\]{0,2}(?:[ \t]{0,3}[:=]|[ \t]\x1b)",
    ),
    Shape(
        "authorization",
        b"authorization",
        Part(rb"[^\s\"']", 8, 8, may_break=False),
        rest=rb"[^\s\"']",
        context=(_QUOTES, _SPACE, _EQUALS, _SPACE, _QUOTES),
        any_case=True,
        sign=rb"authorization[\"'\\]{0,2}(?:[ \t]{0,3}[:=]|[ \t]\x1b)",
    ),
    Shape(
        "authorization", b"bearer", Part(_BEARER, 16, 16, may_break=False), rest=_BEARER, context=_GAP, any_case=True
    ),
    Shape(
        "aws-secret-key",
        b"access key",
        Part(_BARE, 16, 16, may_break=False),
        rest=_BARE,
        # What `aws configure` asks: AWS Secret Access Key [None]:
        context=(Part(rb"[^\n:=]", 0, 24, may_break=False), _EQUALS, _SPACE),
        any_case=True,
        sign=rb"access(?: key|[ \t]\x1b)",
    ),
)

_URL: Final = (_USER, Part(b":", may_break=False))
_URLS: Final = (
    Shape(
        "url-password",
        b"://",
        Part(_IN_URL, 1, 256, may_break=False),
        context=_URL,
        close=literal(b"@"),
        sign=rb"://[^\s/:@]{0,64}:[^\s/@]{1,256}(?:@|\s)",
    ),
    # Too long for a port or a part of a path.
    Shape(
        "url-password",
        b"://",
        Part(_IN_URL, 257, 257, may_break=False),
        rest=_IN_URL,
        context=_URL,
        sign=rb"://[^\s/:@]{0,64}:[^\s/@]{257}",
    ),
)

FORMATS: Final = (
    *_TOKENS,
    *_JWTS,
    *_KEYS,
    *_HASHES,
    *_OPTIONS,
    *_HEADERS,
    *_URLS,
    *_assignments("password", (b"password", b"passwd", b"passphrase", b"passcode", b"_pwd", b"_pass"), 1),
    *_assignments("secret", _NAMES, 6),
)
