"""The few pages that people see when they log in: plain HTML, without script, and with everything escaped.

`Referrer-Policy` is same-origin and not none: with none, browsers send `Origin: null` with a form (Fetch, "append a
request Origin header"), and the check of the origin would have nothing to check.
"""

import base64
import hashlib
from html import escape
from typing import Final

from aiohttp import web

from whale.model.errors import WhaleError
from whale.model.outcomes import outcome_of

STYLE: Final = (
    "body{font:1rem/1.5 sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem}"
    "input,button{font:inherit;padding:.4rem .8rem}code{font-size:1.3rem}dt{font-weight:bold}"
)

_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def code_page(code: str) -> web.Response:
    """Ask for the code; `code` is what it probably is."""
    return _page(
        "Log in",
        "<p>Type the code that the command line shows.</p>"
        '<form method="post" action="/login"><p>'
        f'<input name="code" value="{escape(code)}" maxlength="16" autocomplete="off" autofocus required> '
        "<button>Go on</button></p></form>",
    )


def onward_page(url: str) -> web.Response:
    """Send the browser to the provider.

    By a page, and not by a redirect: `form-action` holds for redirects of a form, too, and the provider may send the
    browser on to addresses that nobody knows here.
    """
    link = escape(url)
    return _page(
        "Log in",
        f'<p>On to the <a href="{link}" rel="noreferrer">identity provider</a>.</p>',
        head=f'<meta http-equiv="refresh" content="0;url={link}">',
    )


def question_page(*, name: str, code: str, machine: str, address: str) -> web.Response:
    """Ask whether it is they who log in there."""
    facts = (("You are", name), ("Code", code), ("Machine", f"{machine or 'unnamed'}, at {address}"))
    rows = "".join(f"<dt>{escape(key)}</dt><dd><code>{escape(value)}</code></dd>" for key, value in facts)
    return _page(
        "Is it you?",
        f"<dl>{rows}</dl><p>Whoever began this login will act as you. Somebody else may have sent you here: allow it"
        " only if you see this code on a machine of yours.</p>"
        '<form method="post" action="/login/confirm"><p><button name="answer" value="allow">Allow</button> '
        '<button name="answer" value="refuse">Refuse</button></p></form>',
    )


def done_page(title: str, text: str) -> web.Response:
    """Say how it ended."""
    return _page(title, f"<p>{escape(text)}</p>")


def error_page(error: WhaleError) -> web.Response:
    """Say what went wrong, and what to do."""
    hint = f"<p>{escape(error.hint[:1].upper() + error.hint[1:])}.</p>" if error.hint else ""
    text = escape(error.message[:1].upper() + error.message[1:])
    return _page("Not logged in", f"<p>{text}.</p>{hint}", status=outcome_of(error.code).http)


def _page(title: str, body: str, *, head: str = "", status: int = 200) -> web.Response:
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} - whale</title>'
        f"<style>{STYLE}</style>{head}</head><body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)
