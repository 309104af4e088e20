"""`whale-server ca`: the authority that a server has of its own.

The server's room is imported inside the commands, as in `token`.
"""

import asyncio
from pathlib import Path

import click

from whale.cli.server_options import ServerOptions, place_options

_EPILOG = """\b
Examples:
  whale-server ca create
  whale-server ca create --only example.com --only 10.0.0.0/8
  whale-server ca issue whale.example.com 10.0.0.7 --out /etc/whale
"""


@click.group(name="ca", epilog=_EPILOG)
def ca_group() -> None:
    """Have certificates without anybody else. `tls.own_ca` does all of it by itself."""


@ca_group.command()
@click.option("--only", multiple=True, metavar="DOMAIN|NETWORK", help="Bind it to a domain or network.")
@place_options
@click.pass_obj
def create(options: ServerOptions, only: tuple[str, ...], state_dir: str | None, config_file: str | None) -> None:
    """Make the authority in the state directory. Its key stays there."""
    from whale.server import ca

    made = asyncio.run(ca.create(options.config(state_dir=state_dir, config_file=config_file), only=only))
    click.echo(f"made an authority for ten years; its fingerprint: sha256={made.fingerprint}", err=True)


@ca_group.command()
@place_options
@click.pass_obj
def show(options: ServerOptions, state_dir: str | None, config_file: str | None) -> None:
    """Print the authority's certificate, and its fingerprint for login links on stderr."""
    from whale.server import ca

    found = ca.show(Path(options.config(state_dir=state_dir, config_file=config_file).state_dir))
    click.echo(found.pem.decode(), nl=False)
    click.echo(f"log in with: whale login https://HOST:PORT#sha256={found.fingerprint}", err=True)


@ca_group.command()
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@click.option("--days", default=90, show_default=True, help="How long it lives, up to 397.")
@click.option("--out", default=".", metavar="DIR", help="Where to write HOST.pem and HOST.key.  [default: here]")
@place_options
@click.pass_obj
def issue(
    options: ServerOptions,
    hosts: tuple[str, ...],
    days: int,
    out: str,
    state_dir: str | None,
    config_file: str | None,
) -> None:
    """Sign a certificate for HOSTs, names or addresses."""
    from whale.server import ca

    config = options.config(state_dir=state_dir, config_file=config_file)
    made = asyncio.run(ca.issue_files(config, hosts, days=days, out=Path(out)))
    click.echo(f"wrote {made.certificate} and {made.key}", err=True)
