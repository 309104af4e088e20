import pytest

from whale.model.errors import ConfigError
from whale.server.config_oidc import OidcSection


def test_what_is_right() -> None:
    OidcSection().check()
    OidcSection(issuer="https://id.example/realms/a", client_id="whale").check()
    OidcSection(issuer="http://127.0.0.1:8080", client_id="whale", allowed_groups=("a",)).check()


@pytest.mark.parametrize(
    ("section", "path"),
    [
        (OidcSection(issuer="http://id.example", client_id="whale"), "issuer"),
        (OidcSection(issuer="id.example", client_id="whale"), "issuer"),
        (OidcSection(issuer="https://user:pw@id.example", client_id="whale"), "issuer"),
        (OidcSection(issuer="https://id.example"), "client_id"),
        (OidcSection(client_id="whale"), "client_id"),
        (OidcSection(client_secret_file="/x"), "client_secret_file"),
        (OidcSection(allowed_groups=("a",)), "allowed_groups"),
        (OidcSection(name_claim=""), "name_claim"),
        (OidcSection(groups_claim="a b"), "groups_claim"),
        (OidcSection(scopes=("a\x00",)), "scopes"),
    ],
)
def test_what_is_wrong(section: OidcSection, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        section.check()
    assert caught.value.path == path
    assert "pw" not in str(caught.value)
