"""The tokens that jobs got for tokens of their own: several of one name, each for one proof, for a short time."""

from typing import Final

from sqlalchemy import delete, func, insert, select

from whale.model.errors import WhaleError
from whale.model.limits import MAX_FEDERATED_LIFETIME, MAX_FEDERATED_TOKENS, MAX_JOB_TOKEN_AGE
from whale.store.database import Database
from whale.store.schema import tokens
from whale.store.tokens import TokenRow, has_living_token, token_values
from whale.store.users import name_is_taken

KEPT: Final = MAX_FEDERATED_LIFETIME + MAX_JOB_TOKEN_AGE
"""Seconds that a row stays: until neither the token nor what it was exchanged for is good any more."""


class FederatedTokens:
    """Adds to the table of tokens. Raises `WhaleError` when the database fails (see `Database`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(self, row: TokenRow) -> bool:
        """Add a token that has a rule. False when its proof was used before.

        Raises `WhaleError`: login.name when the name is a person's or another token's, login.limit when there are too
        many of that name.
        """
        mine = (tokens.c.name == row.name, tokens.c.rule.is_not(None))
        async with self._database.write() as connection:
            old = delete(tokens).where(tokens.c.rule.is_not(None), tokens.c.created < row.created - KEPT)
            await connection.execute(old)
            if await name_is_taken(connection, row.name) or await has_living_token(connection, row, by_rule=False):
                raise WhaleError(
                    f"the name {row.name} is in use already",
                    code="login.name",
                    hint="an administrator can give the rule another name",
                )
            used = select(tokens.c.id).where(tokens.c.proof == row.proof)
            if row.proof is not None and (await connection.execute(used)).first() is not None:
                return False
            count = (await connection.execute(select(func.count()).select_from(tokens).where(*mine))).scalar_one()
            if count >= MAX_FEDERATED_TOKENS:
                raise WhaleError("too many jobs have logged in", code="login.limit", hint="try again in an hour")
            await connection.execute(insert(tokens).values(token_values(row)))
        return True
