"""Text that came from someone else, made safe to print.

Container names, images and labels, and the error texts of other programs, can hold escape sequences that move
the cursor, change the title or paste. They are printed escaped.
"""


def printable(text: str) -> str:
    r"""Replace every character that is not printable by its escape: ESC becomes ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
