"""Draws what a recording shows at its end, or at some second, as an SVG: `python -m scripts.recording_picture IN OUT`.

For the README's picture, which is a recording that `whale recordings export` gave.
"""

import argparse
import re
import sys
from contextlib import closing
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from whale.client.cast import CastReader
from whale.model.terminal import TerminalSize
from whale.screen.cells import Cell, Reader
from whale.screen.screen import open_screen

_WIDE, _HIGH, _EDGE = 8.4, 18, 14
_PALETTE: Final = (
    "#1d1f21", "#cc6666", "#98c379", "#d9a962", "#6fa8dc", "#b294bb", "#7fc7c0", "#c5c8c6",
    "#707880", "#e88383", "#b5d99c", "#f0c674", "#8fc1f0", "#d0b3dc", "#a0e0d8", "#ffffff",
)  # fmt: skip
_PAPER, _INK = "#16181a", "#d8dee9"


def main() -> int:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cast", type=Path)
    parser.add_argument("svg", type=Path)
    parser.add_argument("--at", type=float, default=None, help="second to show (default: the end)")
    options = parser.parse_args()
    options.svg.write_text(draw(options.cast.read_bytes(), at=options.at))
    return 0


def draw(cast: bytes, *, at: float | None = None) -> str:
    """Return the SVG of what an asciicast shows at some second, or at its end."""
    reader = CastReader()
    events = [event for line in cast.splitlines(keepends=True) for event in reader.feed(line)] + reader.finish()
    assert reader.header is not None, "this is no asciicast"
    size = TerminalSize(cols=reader.header["term"]["cols"], rows=reader.header["term"]["rows"])
    screen = open_screen(size)
    assert screen is not None, "there is no emulator here"
    with closing(screen):
        for event in events:
            if event.code == "o" and (at is None or event.at <= at * 1000):
                screen.feed(event.data)
        assert screen._emulator is not None
        with closing(Reader(screen._emulator)) as cells:
            rows = [row.cells for row in cells.rows()]
    return _svg(rows, title=str(reader.header.get("title", "")), size=size)


def _svg(rows: list[list[Cell]], *, title: str, size: TerminalSize) -> str:
    while rows and not any(cell.text.strip() for cell in rows[-1]):
        rows.pop()
    width, height = size.cols * _WIDE + 2 * _EDGE, len(rows) * _HIGH + 3 * _EDGE + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" role="img">',
        f'<title>{escape(title)}</title><rect width="100%" height="100%" rx="8" fill="{_PAPER}"/>',
        *(f'<circle cx="{_EDGE + 4 + n * 18}" cy="16" r="5.5" fill="{c}"/>' for n, c in enumerate(_PALETTE[1:4])),
        f'<text x="50%" y="20" fill="#8a929a" font-family="sans-serif" font-size="12" text-anchor="middle">'
        f"{escape(title)}</text>",
        '<g font-family="ui-monospace,Menlo,Consolas,monospace" font-size="14" xml:space="preserve">',
    ]
    for y, row in enumerate(rows):
        lines += _runs(row, _EDGE * 2 + 14 + y * _HIGH)
    return "\n".join([*lines, "</g></svg>", ""])


def _runs(row: list[Cell], y: int) -> list[str]:
    """Write a row, a run of equal looks at a time."""
    found, start = [], 0
    while start < len(row):
        end = start
        while end < len(row) and row[end].look == row[start].look:
            end += 1
        text = "".join(cell.text or " " for cell in row[start:end] if cell.width)
        if text.strip():
            colour, ground, bold = _look(row[start].look.sgr)
            weight = ' font-weight="bold"' if bold else ""
            x = _EDGE + start * _WIDE
            length = len(text.rstrip()) * _WIDE
            if ground:
                found.append(f'<rect x="{x:.1f}" y="{y - 14}" width="{length:.1f}" height="{_HIGH}" fill="{ground}"/>')
            found.append(
                f'<text x="{x:.1f}" y="{y}" fill="{colour}"{weight} textLength="{length:.1f}">'
                f"{escape(text.rstrip())}</text>"
            )
        start = end
    return found


def _look(sgr: bytes) -> tuple[str, str, bool]:
    """Return the colours of text and ground, the latter empty for the usual one, and whether the text is bold."""
    numbers = [int(number) for number in re.findall(rb"\d+", sgr)]
    text = next((n for n in numbers if 30 <= n <= 37 or 90 <= n <= 97), None)
    ground = next((n for n in numbers if 40 <= n <= 47), None)
    colour = _INK if text is None else _PALETTE[text - 30 if text < 90 else text - 82]
    return colour, _PALETTE[ground - 40] if ground is not None else "", 1 in numbers


if __name__ == "__main__":
    sys.exit(main())
