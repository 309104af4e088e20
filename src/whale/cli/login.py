"""`whale login`: by a link, by a browser, or by a token; and save what comes of it."""

import sys
from collections.abc import Mapping
from typing import NamedTuple

import click

from whale.cli.app import GlobalOptions
from whale.client.address import Address, parse_address
from whale.client.http import get_version
from whale.client.pin import pinned_certificate, split_link
from whale.client.profile import (
    Profile,
    Profiles,
    changing,
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
def _run(
    globals_: GlobalOptions,
    /,
    *,
    url: str,
    name: str,
    token_stdin: bool,
    ca_file: str,
    no_browser: bool,
    federated: bool,
    id_token_file: str,
) -> int:
    if globals_.context:
        raise UsageError("login makes a context and does not use one", hint="give it a name with --name")
    if id_token_file and not federated:
        raise UsageError("--id-token-file is of no use alone", hint="add --federated")
    if federated and token_stdin:
        raise UsageError("--federated and --token-stdin are two ways to log in", hint="leave one out")
    if url == "-" and token_stdin:
        raise UsageError("the address and the token can't both be read from standard input", hint="give the address")
    environ = environment()
    link = split_link(_read_link() if url == "-" else url)
    address = parse_address(link.url)
    if link.fingerprint and ca_file:
        raise UsageError("the link says already whom to trust", hint="leave --ca-file out")
    check_plain_http(address, allowed=globals_.insecure_http)
    load(environ)  # a file that can't be read is found before anything is used up
    chosen = checked_name(name or _name_of(address))
    # Before anybody is asked for a secret.
    pinned = pinned_certificate(address, link.fingerprint) if link.fingerprint else ""
    profile = Profile(chosen, address, Secret(""), ca_file, globals_.insecure_http, pinned)
    way = _Way(federated, id_token_file, token_stdin, no_browser)
    profile, said = _granted(profile, link.code, way, environ)
    with changing(environ) as profiles:
        save(Profiles(chosen, {**profiles.saved, chosen: profile}), environ)
    click.echo(printable(f"logged in to {said} as context {chosen}"), err=True)
    return 0


class _Way(NamedTuple):
    """How somebody wants to log in."""

    federated: bool
    id_token_file: str
    token_stdin: bool
    no_browser: bool


def _granted(profile: Profile, code: str, way: _Way, environ: Mapping[str, str]) -> tuple[Profile, str]:
    """Get a credential by the way that is wanted or possible; say where, and as whom."""
    address = profile.address
    if way.federated:
        if code:
            raise UsageError("the link logs a person in, and --federated a job", hint="leave one out")
        from whale.client.federated import exchanged, job_token

        profile, machine = exchanged(profile, job_token(environ, way.id_token_file, address))
        return profile, f"{address.url}, as {machine},"
    if code:
        from whale.client.renew import enrolled

        profile, person = enrolled(profile, Secret(checked_token(code)))
        return profile, f"{address.url}, as {person},"
    if not way.token_stdin and sys.stdin.isatty() and (found := _by_browser(profile, way.no_browser)) is not None:
        profile, person = found
        return profile, f"{address.url}, as {person},"
    profile = profile._replace(token=Secret(checked_token(_read_token(address, from_stdin=way.token_stdin))))
    return profile, f"{address.url} (whale-server {get_version(profile).version})"


def _by_browser(profile: Profile, no_browser: bool) -> tuple[Profile, str] | None:
    """Log in with the server's identity provider; None where it has none."""
    from whale.client.device import await_device_login, begin_device_login, open_browser

    begun = begin_device_login(profile)
    if begun is None:
        return None
    if no_browser or not open_browser(begun.page_with_code, environment()):
        click.echo(printable(f"open {begun.page} in a browser, on any machine,"), err=True)
        click.echo(printable(f"and type the code {begun.user_code}"), err=True)
    else:
        click.echo(printable(f"your browser asks you to log in; the code is {begun.user_code}"), err=True)
        click.echo(printable(f"if it does not: {begun.page_with_code}"), err=True)
    return await_device_login(profile, begun)


def _name_of(address: Address) -> str:
    return address.authority.replace("[", "").replace("]", "")


def _read_link() -> str:
    """Read what would be seen in the list of processes, and in the shell's history, as an argument."""
    link = _read_secret("Link: ")
    if not link:
        raise UsageError("no link was given", hint="make one with: whale-server user add NAME")
    return link


def _read_token(address: Address, *, from_stdin: bool) -> str:
    token = _read_secret("" if from_stdin else f"Token for {address.url}: ")
    if not token:
        raise UsageError("no token was given", hint="make one with: whale-server token create NAME")
    return token


def _read_secret(question: str) -> str:
    """Ask for it where there is a terminal, without an echo; without a question, or a terminal, read a line."""
    if not question or not sys.stdin.isatty():
        return sys.stdin.readline(MAX_LINE).strip()
    import getpass

    return getpass.getpass(question).strip()


login = click.Command(
    "login",
    params=[
        click.Argument(["url"]),
        click.Option(["--name"], default="", metavar="NAME", help="Name of the context.  [default: the host and port]"),
        click.Option(["--token-stdin"], is_flag=True, help="Read the token from standard input, without asking."),
        click.Option(["--no-browser"], is_flag=True, help="Only print the address to open, and open no browser."),
        click.Option(["--federated"], is_flag=True, help="Log a CI job in, by a token that the CI system made."),
        click.Option(
            ["--id-token-file"], default="", metavar="FILE", help="File with that token.  [default: WHALE_ID_TOKEN]"
        ),
        click.Option(
            ["--ca-file"], default="", metavar="FILE", help="Trust the certificates in this file for this server."
        ),
    ],
    callback=_run,
    help="""Log in to the whale-server at URL and make it the current context.

    A link from an administrator logs you in at once, and works once: whale login 'https://HOST#CODE'. With - for the
    URL it is asked for, and nobody sees it in the list of processes. Where the server has an identity provider, a
    browser on any machine logs you in: you get an address and a code. Otherwise a token is asked for, and tried. What
    comes of it is saved for this scheme, host and port alone, in a file that only you can read.

    With --federated a CI job logs in without a secret: its own identity token, from WHALE_ID_TOKEN, a file or GitHub
    Actions, is exchanged for a token that is good for minutes.

    A URL with #sha256=FINGERPRINT, as whale-server prints it, says which certificate to trust: the server must have it,
    or one that it has signed, now and at each later connection.
    """,
    short_help="Log in to a server.",
)
