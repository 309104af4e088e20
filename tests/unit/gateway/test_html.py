"""Pages hold what others wrote, and none of it is markup."""

import base64
import hashlib
import re

import pytest
from aiohttp import web

from whale.gateway import html
from whale.model.errors import WhaleError

HOSTILE = "\"><script>alert(1)</script>' onload=x"

PAGES = [
    html.code_page(HOSTILE),
    html.onward_page(f"https://id.example/{HOSTILE}"),
    html.question_page(name=HOSTILE, code=HOSTILE, machine=HOSTILE, address=HOSTILE),
    html.done_page(HOSTILE, HOSTILE),
    html.error_page(WhaleError(HOSTILE, hint=HOSTILE)),
]


@pytest.mark.parametrize("page", PAGES)
def test_nothing_gets_out_of_its_place(page: web.Response) -> None:
    text = page.text or ""
    assert "script>alert" not in text.replace("&lt;script&gt;alert", "")
    assert "&lt;script&gt;" in text
    assert not re.search(r"<[^>]*onload=x[^>]*>", text.replace("&#x27; onload=x", ""))
    assert text.count("<html") == 1


@pytest.mark.parametrize("page", PAGES)
def test_the_style_is_the_one_that_is_allowed(page: web.Response) -> None:
    style = re.search(r"<style>(.*?)</style>", page.text or "")
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_an_error_has_its_status() -> None:
    assert html.error_page(WhaleError("x", code="login.unavailable")).status == 503
    assert "password" not in (html.error_page(WhaleError("x", code="login.unavailable")).text or "")
