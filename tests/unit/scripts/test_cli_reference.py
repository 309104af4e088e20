import click

from scripts.cli_reference import page


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", help="Where the server listens.")
def program(url: str) -> None:
    """Do things."""


@program.group()
def token() -> None:
    """Handle tokens."""


@token.command()
@click.argument("name")
def create(name: str) -> None:
    """Make one."""


@program.command(hidden=True)
def secret() -> None:
    """Not shown."""


def test_every_visible_command_has_its_section_at_its_depth() -> None:
    text = page({"program": program})
    headings = [line for line in text.splitlines() if line.startswith("##")]
    assert headings == ["## program", "### program token", "#### program token create"]
    assert "Usage: program token create [OPTIONS] NAME" in text
    assert "Where the server listens." in text
    assert "Not shown." not in text
    assert text.count("-h, --help") == len(headings)
