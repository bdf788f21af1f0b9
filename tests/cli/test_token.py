"""A token, only the token, and the right one."""

import jwt
import pytest

from shelfwise.cli.token import MAX_TTL_SECONDS
from shelfwise.platform.auth import PERSON_SCOPES, SCOPES

SECRET = "0123456789abcdef0123456789abcdef"


def claims(text, secret=SECRET):
    return jwt.decode(text, secret, algorithms=["HS256"], audience="shelfwise")


def test_only_the_token_is_printed_and_it_may_do_all_that_a_person_may(empty_cli):
    text = empty_cli.ok("token", "--tenant", "acme", AUTH_SECRET=SECRET)
    assert text.count("\n") == 1
    found = claims(text.strip())
    assert found["tenants"] == ["acme"]
    assert set(found["scope"].split()) == PERSON_SCOPES == SCOPES - {"service"}
    assert found["sub"] == "cli"
    assert found["exp"] - found["iat"] == 8 * 3600


def test_subject_tenants_scopes_and_life_can_be_given(empty_cli):
    given = ["-t", "a", "-t", "b", "--subject", "ann", "--scope", "sales:read", "--scope", "ops:read service"]
    found = claims(empty_cli.ok("token", *given, "--ttl", "60", AUTH_SECRET=SECRET, AUTH_ISSUER="me").strip())
    assert (found["tenants"], found["sub"], found["iss"]) == (["a", "b"], "ann", "me")
    assert found["scope"] == "ops:read sales:read service"
    assert found["exp"] - found["iat"] == 60


@pytest.mark.parametrize("scope", ["sales:everything", "", " "])
def test_an_unknown_scope_exits_2_and_names_those_that_there_are(empty_cli, scope):
    ended = empty_cli("token", "-t", "a", "--scope", scope, AUTH_SECRET=SECRET)
    assert ended.code == 2
    assert "unknown scope" in ended.error
    assert all(known in ended.error for known in SCOPES)


@pytest.mark.parametrize("ttl", ["0", "-1", str(MAX_TTL_SECONDS + 1), "x"])
def test_an_impossible_life_exits_2(empty_cli, ttl):
    assert empty_cli("token", "-t", "a", "--ttl", ttl, AUTH_SECRET=SECRET).code == 2


def test_a_tenant_is_needed_and_its_id_is_checked(empty_cli):
    assert empty_cli("token", AUTH_SECRET=SECRET).code == 2
    ended = empty_cli("token", "-t", "no good", AUTH_SECRET=SECRET)
    assert ended.code == 1
    assert ended.error.startswith("The tenant's id must be 1 to 64 letters")


def test_the_first_token_of_a_new_folder_says_that_a_secret_was_made(empty_cli):
    first = empty_cli("token", "-t", "a")
    assert first.out.count("\n") == 1
    assert "--data-dir" in first.err
    second = empty_cli("token", "-t", "a")
    assert second.err == ""
    secret = (empty_cli.data_dir / "auth-secret").read_text()
    assert claims(first.out.strip(), secret)["sub"] == claims(second.out.strip(), secret)["sub"] == "cli"


def test_with_an_identity_provider_alone_it_says_where_tokens_come_from(empty_cli):
    ended = empty_cli("token", "-t", "a", AUTH_JWKS_URL="https://idp.example/keys")
    assert (ended.code, "identity provider" in ended.error) == (1, True)
    assert not empty_cli.data_dir.exists()
