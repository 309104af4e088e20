import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale.client.address import Address, parse_address
from whale.model.errors import UsageError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://whale.example", Address("https", "whale.example", 443)),
        ("http://127.0.0.1:7433", Address("http", "127.0.0.1", 7433)),
        (" HTTPS://Whale.Example:7433/ ", Address("https", "whale.example", 7433)),
        ("http://[::1]:80", Address("http", "::1", 80)),
        ("https://[fe80::1]", Address("https", "fe80::1", 443)),
    ],
)
def test_a_url_names_scheme_host_and_port(url: str, address: Address) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "whale.example",
        "ftp://whale.example",
        "https://",
        "https://:7433",
        "https://user:secret@whale.example",
        "https://whale.example/path",
        "https://whale.example?x=secret",
        "https://whale.example#secret",
        "https://whale.example:0",
        "https://whale.example:65536",
        "https://whale.example:",
        "https://whale.example:٧",
        "https://whale example",
        "https://whäle.example",
        "https://[::1",
        "https://[::1]7433",
        "https://[localhost]",
        "https://::1",
        "https://a\r\nb",
    ],
)
def test_anything_more_or_less_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(url)
    assert "secret" not in str(caught.value)
    assert "secret" not in caught.value.hint


def test_the_schemes_own_port_is_not_shown() -> None:
    assert parse_address("https://whale.example:443").url == "https://whale.example"
    assert parse_address("http://[::1]:443").url == "http://[::1]:443"
    assert parse_address("http://[::1]:443").authority == "[::1]:443"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("127.0.0.1.example", False),
        ("127.example.com.x", False),
        ("128.0.0.1", False),
        ("localhost.example", False),
    ],
)
def test_loopback_is_only_what_can_not_leave_the_machine(host: str, loopback: bool) -> None:
    assert Address("http", host, 80).is_loopback is loopback
    assert not Address("http", host, 80).is_secure
    assert Address("https", host, 80).is_secure


@given(st.text(max_size=40))
def test_any_text_is_an_address_that_survives_or_a_usage_error(text: str) -> None:
    for url in (text, f"https://{text}", f"http://{text}:1"):
        try:
            address = parse_address(url)
        except UsageError:
            continue
        assert parse_address(address.url) == address
