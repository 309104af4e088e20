"""`whale-server backup` and `restore`: everything in the database, to a file and back, from any database to any other.

The server's room is imported inside the commands, as in `server_token.py`.
"""

import asyncio
import sys
from pathlib import Path

import click

from whale.cli.server_options import ServerOptions, place_options

_BACKUP = """\b
Examples:
  whale-server backup /var/backups/whale.jsonl
  whale-server backup - | zstd > whale.jsonl.zst
"""

_RESTORE = """\b
Examples:
  whale-server restore /var/backups/whale.jsonl
  whale-server --store-url postgresql://whale@db.example.com/whale restore whale.jsonl
"""


@click.command(epilog=_BACKUP)
@click.argument("file", metavar="FILE")
@place_options
@click.pass_obj
def backup(options: ServerOptions, file: str, state_dir: str | None, config_file: str | None) -> None:
    """Write tokens and the audit trail to FILE, or to stdout for -. The server may run."""
    from whale.server import backup as room

    config = options.config(state_dir=state_dir, config_file=config_file)
    if file == "-":
        asyncio.run(room.backup(config, sys.stdout.buffer.write))
        sys.stdout.buffer.flush()
    else:
        asyncio.run(room.backup_to_file(config, Path(file)))


@click.command(epilog=_RESTORE)
@click.argument("file", metavar="FILE")
@click.option("--force", is_flag=True, help="Replace what is in the database.")
@place_options
@click.pass_obj
def restore(options: ServerOptions, file: str, force: bool, state_dir: str | None, config_file: str | None) -> None:
    """Fill an empty database with what FILE has, and check its audit trail. No server may run.

    A backup that was cut or changed, or made by a newer version, is refused, and nothing is changed.
    """
    from whale.server import backup as room

    config = options.config(state_dir=state_dir, config_file=config_file)
    found = asyncio.run(room.restore(config, Path(file), replace=force))
    click.echo(f"{found.rows} rows are back, as they were at {found.time}; the audit trail holds", err=True)
    click.echo(f"newest event: {found.head.seq}:{found.head.hash}", err=True)
