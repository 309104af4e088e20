"""Write docs/reference/errors.md and the table in PROTOCOL.md from the table of outcomes, or compare (`--check`)."""

import sys
from collections.abc import Mapping

from scripts.generated import ROOT, write_or_check
from whale.model.outcomes import OUTCOMES, Outcome

PAGE = ROOT / "docs" / "reference" / "errors.md"
PROTOCOL = ROOT / "PROTOCOL.md"
_TABLE = "| code | HTTP | close | exit | meaning |\n| --- | --- | --- | --- | --- |\n"
_HEAD = """# Error codes

<!-- Written by `make reference` from src/whale/model/outcomes.py; do not edit. -->

Every failure has one code, and a code means the same at every door: an HTTP status, a WebSocket close code and an
exit status of the `whale` command. A client that meets a code it does not know treats it as `internal`.

"""


def table(outcomes: Mapping[str, Outcome]) -> str:
    """The table with its heading."""
    rows = (f"| `{code}` | {o.http} | {o.close} | {o.exit} | {o.meaning} |\n" for code, o in outcomes.items())
    return _TABLE + "".join(rows)


def page(outcomes: Mapping[str, Outcome]) -> str:
    """The whole page."""
    return _HEAD + table(outcomes)


def with_table(text: str, outcomes: Mapping[str, Outcome]) -> str:
    """The text with its table of codes, up to the blank line after it, made anew."""
    before, _, rest = text.partition(_TABLE)
    return before + table(outcomes) + "\n" + rest.partition("\n\n")[2]


def main() -> int:
    protocol = with_table(PROTOCOL.read_text(), OUTCOMES)
    results = [
        write_or_check(path, text, sys.argv[1:], command="make reference")
        for path, text in ((PAGE, page(OUTCOMES)), (PROTOCOL, protocol))
    ]
    return max(results)


if __name__ == "__main__":
    sys.exit(main())
