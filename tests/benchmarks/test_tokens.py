"""The tokens of a measurement are such as a gateway takes, each for its user."""

from pathlib import Path
from uuid import uuid4

import pytest
from gateway.signing_keys import open_signing_keys
from gateway.tokens import InvalidToken, Rules, Tokens

from benchmarks.tokens import issue_tokens


async def test_a_gateway_takes_each_token_for_its_user(tmp_path: Path) -> None:
    users = [uuid4(), uuid4()]

    variables = issue_tokens(tmp_path / "keys.json", tmp_path / "tokens.txt", users)

    rules = Rules(variables["AUTH_ISSUER"], variables["AUTH_AUDIENCE"], "sub")
    lines = [line.split() for line in (tmp_path / "tokens.txt").read_text().splitlines()]
    async with open_signing_keys(Path(variables["AUTH_JWKS_FILE"])) as keys:
        tokens = Tokens(keys, rules)
        assert [(user_id, await tokens.user_of(token.encode())) for user_id, token in lines] == [
            (str(user_id), str(user_id)) for user_id in users
        ]
        with pytest.raises(InvalidToken):
            await tokens.user_of(lines[0][1][:-8].encode())
