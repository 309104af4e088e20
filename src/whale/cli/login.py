"""`whale login`: try a token, and save it for its server."""

import sys

import click

from whale.cli.app import GlobalOptions
from whale.client.address import Address, parse_address
from whale.client.http import get_version
from whale.client.pin import pinned_certificate, split_link
from whale.client.profile import (
    Profile,
    Profiles,
    check_plain_http,
    checked_name,
    checked_token,
    environment,
    load,
    save,
)
from whale.model.errors import UsageError
from whale.model.secret import Secret
from whale.model.text import printable

MAX_LINE = 4096


@click.pass_obj
def _run(globals_: GlobalOptions, /, *, url: str, name: str, token_stdin: bool, ca_file: str) -> int:
    if globals_.context:
        raise UsageError("login makes a context and does not use one", hint="give it a name with --name")
    environ = environment()
    url, fingerprint = split_link(url)
    address = parse_address(url)
    if fingerprint and ca_file:
        raise UsageError("the link says already whom to trust", hint="leave --ca-file out")
    check_plain_http(address, allowed=globals_.insecure_http)
    profiles = load(environ)
    chosen = checked_name(name or _name_of(address))
    # Before anybody is asked for a secret.
    pinned = pinned_certificate(address, fingerprint) if fingerprint else ""
    token = Secret(checked_token(_read_token(address, from_stdin=token_stdin)))
    profile = Profile(chosen, address, token, ca_file, globals_.insecure_http, pinned)
    server = get_version(profile)
    save(Profiles(chosen, {**profiles.saved, chosen: profile}), environ)
    click.echo(printable(f"logged in to {address.url} (whale-server {server.version}) as context {chosen}"), err=True)
    return 0


def _name_of(address: Address) -> str:
    return address.authority.replace("[", "").replace("]", "")


def _read_token(address: Address, *, from_stdin: bool) -> str:
    if from_stdin or not sys.stdin.isatty():
        token = sys.stdin.readline(MAX_LINE).strip()
    else:
        import getpass

        token = getpass.getpass(f"Token for {address.url}: ").strip()
    if not token:
        raise UsageError("no token was given", hint="make one with: whale-server token create NAME")
    return token


login = click.Command(
    "login",
    params=[
        click.Argument(["url"]),
        click.Option(["--name"], default="", metavar="NAME", help="Name of the context.  [default: the host and port]"),
        click.Option(["--token-stdin"], is_flag=True, help="Read the token from standard input, without asking."),
        click.Option(
            ["--ca-file"], default="", metavar="FILE", help="Trust the certificates in this file for this server."
        ),
    ],
    callback=_run,
    help="""Log in to the whale-server at URL and make it the current context.

    The token is asked for, tried, and saved for this scheme, host and port alone, in a file that only you can read.

    A URL that ends with #sha256=FINGERPRINT, as whale-server prints it, says which certificate to trust: the server
    must have it, or one that it has signed, now and at each later connection.
    """,
    short_help="Save the token for a server.",
)
