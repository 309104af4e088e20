"""All that opens the door, in one place: the tokens of machines, and the access tokens of people's logins."""

from collections.abc import Callable, Collection

from whale.model.ids import TokenId
from whale.store.logins import ACCESS, LoginTable, LoginToken
from whale.store.tokens import TokenRow, TokenTable


class Credentials:
    """Looks into both tables. All raise `WhaleError` when the database fails."""

    def __init__(
        self, tokens: TokenTable, logins: LoginTable, *, rules: Callable[[], Collection[str]] = frozenset
    ) -> None:
        """`rules` are the fingerprints of the federation rules that are in force."""
        self._tokens = tokens
        self._logins = logins
        self._rules = rules

    async def get(self, token_id: TokenId) -> TokenRow | LoginToken | None:
        """Look up one by its public id, revoked and expired ones included. One whose rule is gone is revoked."""
        row = await self._tokens.get(token_id)
        if row is None:
            return await self._logins.token(token_id, ACCESS)
        is_ruled = row.rule is None or row.rule in self._rules()
        return row if is_ruled else row._replace(revoked=row.revoked or row.created)

    async def touch(self, token_id: TokenId, *, at: int) -> None:
        """Note that one was used."""
        if not await self._tokens.touch(token_id, at=at):
            await self._logins.touch(token_id, at=at)

    async def valid(self, ids: Collection[TokenId], *, at: int) -> dict[TokenId, tuple[str, ...]]:
        """Which of these tokens and logins are good at that time, and the groups they give now."""
        return await self._tokens.valid(ids, at=at, rules=self._rules()) | await self._logins.valid(ids, at=at)
