"""The use case of machines without a secret: a job's own identity token becomes a token of this server, by a rule."""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog

from whale.access.attempts import Attempts
from whale.access.authenticator import bearer
from whale.access.federation.live import LiveFederation
from whale.access.federation.rule import Rule, choose
from whale.access.tokens import create_token
from whale.broker.trail import Trail
from whale.model.errors import AuthenticationError, WhaleError
from whale.model.limits import MAX_JOB_TOKEN
from whale.model.secret import Secret
from whale.model.source import SOURCE
from whale.store.federated import FederatedTokens
from whale.store.tokens import TokenRow

_log = structlog.get_logger("whale.broker")


class Exchanged(NamedTuple):
    """A token for a job, shown this once; there is none that refreshes it. `expires_in` is in seconds."""

    name: str
    access: Secret
    expires_in: int


class _Shown:
    """What is known of a token that was shown, for the trail. Only what was proved gets here."""

    def __init__(self) -> None:
        self.issuer = ""
        self.subject = ""
        self.reason = ""


class Exchange:
    """One per server."""

    def __init__(
        self,
        table: FederatedTokens,
        live: LiveFederation,
        *,
        trail: Trail | None = None,
        attempts: Attempts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._live = live
        self._trail = trail or Trail()
        self._attempts = attempts or Attempts()
        self._clock = clock

    async def exchange(self, header: str | None) -> Exchanged:
        """Exchange the token in an `Authorization` header.

        Raises `AuthenticationError` for one that is not right (auth.invalid) or that no rule wants (login.denied), and
        `WhaleError`: login.no_federation, login.unavailable and login.failed when its issuer fails, login.name,
        login.limit.
        """
        if not self._live.rules:
            bearer(header, most=MAX_JOB_TOKEN)  # who shows nothing is told that before anything else
            raise WhaleError(
                "this server exchanges no tokens of jobs", code="login.no_federation", hint="use a token of its own"
            )
        shown = _Shown()
        try:
            async with self._attempts.judging(SOURCE.get(), header):
                return await self._exchange(header, shown)
        except WhaleError as error:
            reason = shown.reason or error.detail or error.message
            self._trail.exchange_refused(error, issuer=shown.issuer, subject=shown.subject, reason=reason)
            raise

    async def _exchange(self, header: str | None, shown: _Shown) -> Exchanged:
        token, now = bearer(header, most=MAX_JOB_TOKEN), int(self._clock())
        prover = self._live.prover_of(token)
        if prover is None:
            raise _unwanted("the issuer is in no rule", is_spent=False)
        claims = await prover.proved(token, now=now)
        shown.issuer, shown.subject = claims["iss"], claims["sub"]
        # What is in force now, which may be something else than before the issuer was asked.
        rule, shown.reason = choose(self._live.rules, claims)
        if rule is None:
            raise _unwanted(shown.reason, is_spent=True)
        return await self._granted(rule, claims, now)

    async def _granted(self, rule: Rule, claims: dict[str, Any], now: int) -> Exchanged:
        made = create_token()
        row = TokenRow(
            made.id,
            rule.name,
            made.digest,
            now,
            now + rule.lifetime,
            groups=rule.groups,
            scope=rule.scope,
            rule=rule.fingerprint,
            proof=_proof(claims),
        )
        if not await self._table.insert(row):
            raise AuthenticationError(
                "the job's token was used already", hint="have the job ask for another one", is_spent=True
            )
        _log.info("token.exchanged", principal=rule.name, token=made.id, subject=claims["sub"])
        self._trail.exchanged(row, issuer=claims["iss"], subject=claims["sub"])
        return Exchanged(rule.name, made.text, rule.lifetime)


def _proof(claims: dict[str, Any]) -> str | None:
    """What a token is known again by; without a `jti` it may be used until it expires."""
    if "jti" not in claims:
        return None
    return hashlib.sha256(json.dumps([claims["iss"], claims["jti"]]).encode()).hexdigest()


def _unwanted(reason: str, *, is_spent: bool) -> AuthenticationError:
    return AuthenticationError(
        "no rule of this server takes the job's token",
        code="login.denied",
        hint="the server's audit trail says which claim does not fit",
        detail=reason,
        is_spent=is_spent,
    )
