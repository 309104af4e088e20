"""The settings of the identity provider."""

from typing import Annotated

from whale.access.oidc.metadata import is_protected
from whale.model.errors import ConfigError
from whale.server.config_section import Section, about


class OidcSection(Section, frozen=True):
    """The identity provider that people log in with."""

    issuer: Annotated[str, about("Issuer, as the provider writes it itself. Empty: no provider.")] = ""
    client_id: Annotated[str, about("What the provider calls this server.")] = ""
    client_secret_file: Annotated[
        str, about("File with the secret for the provider. Empty: a public client.", kind="file", sensitive=True)
    ] = ""
    ca_file: Annotated[str, about("CA certificate that the provider's must be signed by.", kind="file")] = ""
    scopes: Annotated[tuple[str, ...], about("Scopes asked for; openid is always one of them.")] = ("profile", "email")
    name_claim: Annotated[str, about("Claim that people are named by at their first login.")] = "preferred_username"
    groups_claim: Annotated[str, about("Claim with a person's groups.")] = "groups"
    allowed_groups: Annotated[
        tuple[str, ...], about("Groups of which a person must have one to log in. Empty: all may.")
    ] = ()

    def check(self) -> None:
        """Check the issuer, and that nothing is given without one."""
        if self.issuer and not is_protected(self.issuer):
            raise ConfigError("must be an https:// address", path="issuer")
        if self.issuer and not self.client_id:
            raise ConfigError("is missing: the provider has to know who asks", path="client_id")
        for name in ("name_claim", "groups_claim", "scopes"):
            words = getattr(self, name)
            for word in (words,) if isinstance(words, str) else words:
                if not word or not word.isprintable() or " " in word:
                    raise ConfigError("must be a word without spaces", path=name)
        for name in ("client_id", "client_secret_file", "ca_file", "allowed_groups"):
            if getattr(self, name) and not self.issuer:
                raise ConfigError("is of no use without oidc.issuer", path=name)
