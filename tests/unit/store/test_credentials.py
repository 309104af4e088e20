from whale.model.ids import TokenId
from whale.store.credentials import Credentials
from whale.store.database import Database
from whale.store.federated import FederatedTokens
from whale.store.logins import LoginTable, Turn
from whale.store.tokens import TokenRow, TokenTable
from whale.store.users import UserRow, UserTable

NOW = 1_800_000_000


async def test_people_and_machines_use_one_door(database: Database) -> None:
    tokens, logins = TokenTable(database), LoginTable(database)
    credentials = Credentials(tokens, logins)
    await tokens.insert(TokenRow(TokenId("t"), "ci", bytes(32), NOW, groups=("machines",)))
    await UserTable(database).add(UserRow("u", "alice", NOW, ("people",)))
    turn = Turn(TokenId("a"), bytes(32), TokenId("r"), bytes(32), NOW + 900)
    await logins.begin(TokenId("l"), "u", turn, at=NOW, expires=NOW + 9000)
    for token, name, lives_by in (("t", "ci", "t"), ("a", "alice", "l")):
        found = await credentials.get(TokenId(token))
        assert found is not None
        assert (found.name, found.lives_by, found.last_used) == (name, lives_by, None)
        await credentials.touch(TokenId(token), at=NOW + 1)
        found = await credentials.get(TokenId(token))
        assert found is not None
        assert found.last_used == NOW + 1
    assert [await credentials.get(TokenId(each)) for each in ("r", "l", "u", "x")] == [None] * 4
    ids = [TokenId(each) for each in ("t", "l", "a", "x")]
    assert await credentials.valid(ids, at=NOW) == {"t": ("machines",), "l": ("people",)}


async def test_a_token_of_a_job_is_good_for_as_long_as_its_rule(database: Database) -> None:
    tokens, rules = TokenTable(database), {"r1"}
    credentials = Credentials(tokens, LoginTable(database), rules=lambda: rules)
    row = TokenRow(TokenId("j"), "deploy", bytes(32), NOW, NOW + 900, groups=("ci",), rule="r1", proof="p")
    assert await FederatedTokens(database).insert(row)
    assert await credentials.get(row.id) == row
    assert await credentials.valid([row.id], at=NOW) == {row.id: ("ci",)}
    rules.clear()
    assert await credentials.get(row.id) == row._replace(revoked=NOW)
    assert await credentials.valid([row.id], at=NOW) == {}
    assert await Credentials(tokens, LoginTable(database)).valid([row.id], at=NOW) == {}
    rules.add("r1")
    assert await credentials.valid([row.id], at=NOW) == {row.id: ("ci",)}
