"""The server's own TLS. Never prompts, and never says what is in a key file."""

import ssl

from whale.model.errors import ConfigError
from whale.server.config_model import TlsSection


def server_context(tls: TlsSection) -> ssl.SSLContext | None:
    """Make the context to listen with; None when no certificate is set.

    Raises `ConfigError` when certificate and key can't be read, are not PEM, or do not belong together.
    """
    if not tls.cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a password OpenSSL would ask the terminal for one, and a server would hang there.
        context.load_cert_chain(tls.cert, tls.key, password=_no_password)
    except _EncryptedKey:
        raise ConfigError(
            "tls.key: the key is encrypted", path="tls.key", hint="decrypt it with `openssl pkey`"
        ) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError("tls.key: the key is not the certificate's", path="tls.key") from error
        raise ConfigError(
            "tls.cert: certificate and key can't be used",
            path="tls.cert",
            hint="both must be PEM files; the certificate comes first, then its issuers",
            detail=error.reason or "",
        ) from error
    except OSError as error:
        raise ConfigError(f"tls.cert: certificate or key can't be read: {error.strerror}", path="tls.cert") from error
    return context


class _EncryptedKey(Exception):
    """Never leaves this file."""


def _no_password() -> str:
    raise _EncryptedKey
