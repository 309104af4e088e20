"""`whale-server stop`: end the server that runs on a state directory, and its sessions if that is wanted.

The server's room is imported inside the command, as in `token`.
"""

from pathlib import Path

import click

from whale.cli.server_options import ServerOptions, place_options

_EPILOG = """\b
Examples:
  whale-server stop
  whale-server stop --sessions
"""


@click.command(epilog=_EPILOG)
@click.option("--sessions", is_flag=True, help="End all sessions too, also those that a server has left.")
@place_options
@click.pass_obj
def stop(options: ServerOptions, sessions: bool, state_dir: str | None, config_file: str | None) -> None:
    """Stop the running server. Its sessions go on: the next server on the same state directory has them."""
    from whale.server.stop import end_left_sessions, stop_server

    config = options.config(state_dir=state_dir, config_file=config_file)
    stopped = stop_server(Path(config.state_dir), sessions=sessions, grace=config.shutdown.grace)
    if stopped:
        click.echo("the server has stopped", err=True)
    elif not sessions:
        click.echo("no server runs on this state directory", err=True)
    if sessions:
        ended = end_left_sessions(config)
        click.echo(f"{ended} sessions that were left have been ended", err=True)
