"""`whale completion`: the script that a shell loads to complete whale's command lines."""

import click
from click.shell_completion import ShellComplete, get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.pass_context
def _run(ctx: click.Context, /, *, shell: str) -> int:
    root = ctx.find_root()
    program = root.info_name or "whale"
    variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
    kind = get_completion_class(shell)
    assert kind is not None
    # Not the class's own `source`: bash's runs bash to learn its version, and this may be made on another machine.
    click.echo(ShellComplete.source(kind(root.command, {}, program, variable)))
    return 0


completion = click.Command(
    "completion",
    params=[click.Argument(["shell"], type=click.Choice(SHELLS))],
    callback=_run,
    help="""Print the completion script for a shell. It completes the names of live containers, too.

    \b
    bash:  source <(whale completion bash)
    zsh:   source <(whale completion zsh)
    fish:  whale completion fish | source
    """,
    short_help="Print a completion script.",
)
