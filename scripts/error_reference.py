"""Write docs/reference/errors.md from the table of outcomes, or compare them (`--check`)."""

import sys
from collections.abc import Mapping

from scripts.generated import ROOT, write_or_check
from whale.model.outcomes import OUTCOMES, Outcome

PAGE = ROOT / "docs" / "reference" / "errors.md"
_HEAD = """# Error codes

<!-- Written by `make reference` from src/whale/model/outcomes.py; do not edit. -->

Every failure has one code, and a code means the same at every door: an HTTP status, a WebSocket close code and an
exit status of the `whale` command. A client that meets a code it does not know treats it as `internal`.

| code | HTTP | close | exit | meaning |
| --- | --- | --- | --- | --- |
"""


def page(outcomes: Mapping[str, Outcome]) -> str:
    """The whole page."""
    rows = (f"| `{code}` | {o.http} | {o.close} | {o.exit} | {o.meaning} |\n" for code, o in outcomes.items())
    return _HEAD + "".join(rows)


def main() -> int:
    return write_or_check(PAGE, page(OUTCOMES), sys.argv[1:], command="make reference")


if __name__ == "__main__":
    sys.exit(main())
