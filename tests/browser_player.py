"""asciinema-player in a headless Chromium: what browsers show of a recording. `make test` installs both."""

import base64
import json
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "player"
LIMIT = 240.0
"""Seconds for all recordings of one page."""

FOREGROUND, BACKGROUND = "#fefefd", "#010102"
PALETTE = [f"#{number * 16 + 3:02x}{255 - number * 9:02x}{number * 7 + 1:02x}" for number in range(16)]
"""Colours that are told from each other."""

_PAGE = """<!doctype html><meta charset=utf-8><style>{css} .asciinema-player-theme-test {{{theme}}}</style><body>
<script>{player}</script><script>const CASTS = {casts};</script><script>{page}</script>"""
_BLOCKS = re.compile("[\u2580-\u259f\U0001fb00-\U0001fbff]")
"""What is drawn as a shape, and so has no text."""

_CLASSES = {"b": "ap-bold", "d": "ap-faint", "i": "ap-italic", "s": "ap-strike", "k": "ap-blink"}

Cells = list[list[list[str]]]


def play_in_browser(casts: Sequence[bytes], folder: Path) -> list[Cells | str]:
    """Play each to its end; return what is on the last screens, or in words what went wrong."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "Chromium is not installed: `make test` installs it"
    package = FOLDER / "node_modules" / "asciinema-player" / "dist" / "bundle"
    assert package.is_dir(), "asciinema-player is not installed: python -m scripts.provision node"
    names = ("foreground", "background", *map(str, range(16)))
    theme = zip(names, (FOREGROUND, BACKGROUND, *PALETTE), strict=True)
    page = _PAGE.format(
        css=(package / "asciinema-player.css").read_text(),
        theme="".join(f"--term-color-{name}: {colour};" for name, colour in theme),
        player=(package / "asciinema-player.min.js").read_text(),
        casts=json.dumps([base64.b64encode(cast).decode() for cast in casts]),
        page=(FOLDER / "page.js").read_text(),
    )
    with _serving(page.encode()) as (url, answer):
        command = [
            chromium,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={folder / 'profile'}",
            url,
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            shown: list[Cells | str] = json.loads(answer.get(timeout=LIMIT))
        finally:
            process.terminate()
            process.wait(timeout=LIMIT)
    return shown


@contextmanager
def _serving(page: bytes) -> Iterator[tuple[str, queue.Queue[bytes]]]:
    """Serve one page, and take what it sends."""
    answer: queue.Queue[bytes] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(page if self.path == "/" else b"")

        def do_POST(self) -> None:
            answer.put(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", answer
        finally:
            server.shutdown()
            thread.join()


def unlike(expected: list[list[list[Any]]], shown: Cells | str) -> Iterator[str]:
    """Say in words which cells are others than those of xterm.js (tests/xterm_terminal.py)."""
    if isinstance(shown, str):
        yield shown
        return
    if [len(row) for row in expected] != [len(row) for row in shown]:
        yield f"{len(shown)} rows of {len(shown[0])}"
        return
    for y, (row, other) in enumerate(zip(expected, shown, strict=True)):
        for x, (cell, found) in enumerate(zip(row, other, strict=True)):
            wanted = _as_shown(cell)
            if found[0] == wanted[0] == " " and "ap-underline" not in found[3] + wanted[3]:
                wanted[1::2] = found[1::2]  # nobody sees what a space would be written in
            if _BLOCKS.match(wanted[0]) and found[0] == " ":
                wanted = found  # drawn over whatever is behind it
            if wanted != found:
                yield f"row {y} column {x}: {found} in the browser, and not {wanted}"


def _as_shown(cell: list[Any]) -> list[str]:
    text, _, front, back, flags = cell
    colours = [_colour(front), _colour(back)]
    if "r" in flags:
        colours = [colours[1] or _colour(BACKGROUND), colours[0] or _colour(FOREGROUND)]
    classes = [name for flag, name in _CLASSES.items() if flag in flags]
    if "u" in flags:
        classes.insert(len(set(classes) & {"ap-bold", "ap-faint", "ap-italic"}), "ap-underline")
    return [text, *colours, " ".join(classes)]


def _colour(name: str) -> str:
    """Say a colour as a browser does."""
    if not name:
        return ""
    if name.startswith("#"):
        red, green, blue = bytes.fromhex(name[1:])
    elif int(name) < 16:
        red, green, blue = bytes.fromhex(PALETTE[int(name)][1:])
    elif int(name) < 232:
        steps, number = (0, 95, 135, 175, 215, 255), int(name) - 16
        red, green, blue = steps[number // 36], steps[number // 6 % 6], steps[number % 6]
    else:
        red = green = blue = int(name) * 10 - 2312
    return f"rgb({red}, {green}, {blue})"
