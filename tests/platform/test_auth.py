"""Tokens: what is accepted, what is refused, and why."""

import base64
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from shelfwise.platform.auth import PERSON_SCOPES, TokenRules, TokenVerifier, mint_token
from shelfwise.platform.problems import ForbiddenError, UnauthenticatedError, UnavailableError
from shelfwise.platform.service_tokens import ClientCredentialsTokens, MintedServiceTokens

SECRET = "0123456789abcdef0123456789abcdef"
NOW = time.time()
CLAIMS = {"sub": "ann", "aud": "shelfwise", "exp": NOW + 7200, "tenants": ["t1", "t2"], "scope": "sales:read"}


def signed(**changes):
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return jwt.encode(claims, SECRET, algorithm="HS256")


async def test_a_minted_token_names_its_subject_tenants_and_scopes():
    token = mint_token(SECRET, subject="ann", tenants=["a", "b"], scopes=PERSON_SCOPES, ttl_seconds=60)
    principal = await TokenVerifier(TokenRules(SECRET)).verify(token)
    assert principal.subject == "ann"
    assert principal.tenants == {"a", "b"}
    assert principal.scopes == PERSON_SCOPES
    assert not principal.is_service
    assert token not in repr(principal)


@pytest.mark.parametrize(
    "token",
    [
        signed(exp=NOW - 60),
        signed(nbf=NOW + 7200),
        signed(aud="other"),
        signed(sub=None),
        signed(exp=None),
        signed(aud=None),
        jwt.encode(CLAIMS, "another-secret-another-secret-another", algorithm="HS256"),
        jwt.encode(CLAIMS, SECRET * 2, algorithm="HS512"),
        jwt.encode(CLAIMS, None, algorithm="none"),
        "",
        "a.b.c",
        "\ud800",
        "é.é.é",
    ],
)
async def test_a_token_that_is_not_good_is_401(token):
    with pytest.raises(UnauthenticatedError):
        await TokenVerifier(TokenRules(SECRET)).verify(token)


async def test_a_token_without_a_scope_that_we_know_is_403():
    with pytest.raises(ForbiddenError, match="sales:read"):
        await TokenVerifier(TokenRules(SECRET)).verify(signed(scope="openid email"))
    rules = TokenRules(SECRET, default_scopes=frozenset({"sales:read"}))
    assert (await TokenVerifier(rules).verify(signed(scope=None))).scopes == {"sales:read"}


async def test_one_tenant_may_be_a_single_claim_under_another_name():
    rules = TokenRules(SECRET, tenant_claim="https://example.com/tenant")
    token = signed(tenants=None, **{"https://example.com/tenant": "t9"})
    assert (await TokenVerifier(rules).verify(token)).tenants == {"t9"}


async def test_a_remembered_token_is_forgotten_when_it_expires():
    decoded: list[str] = []

    class Counting(TokenVerifier):
        async def _decode(self, token):
            decoded.append(token)
            return await super()._decode(token)

    now = time.time()
    clock = [now]
    verifier = Counting(TokenRules(SECRET), clock=lambda: clock[0])
    token = signed(exp=now + 30)
    for clock[0] in (now, now + 29, now + 31):
        await verifier.verify(token)
    assert len(decoded) == 2, "remembered until it expires, then decoded again"


KEYS = {
    "RS256": (rsa.generate_private_key(public_exponent=65537, key_size=2048), jwt.algorithms.RSAAlgorithm),
    "ES256": (ec.generate_private_key(ec.SECP256R1()), jwt.algorithms.ECAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate(), jwt.algorithms.OKPAlgorithm),
}


def key_set(*names):
    keys = []
    for name in names:
        private, algorithm = KEYS[name]
        keys.append({**json.loads(algorithm.to_jwk(private.public_key())), "kid": name, "use": "sig", "alg": name})
    return {"keys": keys}


@pytest.mark.parametrize("name", list(KEYS))
async def test_a_token_of_the_identity_provider_is_verified_by_its_key_set(name):
    async def fetch(_url):
        return key_set(*KEYS)

    verifier = TokenVerifier(TokenRules(None, jwks_url="https://idp.example/keys"), fetch_json=fetch)
    token = jwt.encode(CLAIMS, KEYS[name][0], algorithm=name, headers={"kid": name})
    assert (await verifier.verify(token)).subject == "ann"


async def test_a_public_key_is_never_taken_as_a_shared_secret():
    async def fetch(_url):
        return key_set("RS256")

    public = (
        KEYS["RS256"][0]
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    # The library refuses to sign with a public key, so the forger does it by hand.
    signing = jwt.encode(CLAIMS, SECRET, algorithm="HS256", headers={"kid": "RS256"}).rpartition(".")[0]
    digest = hmac.digest(public, signing.encode(), "sha256")
    forged = f"{signing}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    verifier = TokenVerifier(TokenRules(None, jwks_url="https://idp.example/keys"), fetch_json=fetch)
    with pytest.raises(UnauthenticatedError):
        await verifier.verify(forged)


async def test_an_unknown_key_id_fetches_the_key_set_at_most_once_in_thirty_seconds():
    fetched, clock, served = [], [NOW], [key_set("RS256")]

    async def fetch(url):
        fetched.append(url)
        return served[0]

    verifier = TokenVerifier(
        TokenRules(None, jwks_url="https://idp.example/keys"), fetch_json=fetch, clock=lambda: clock[0]
    )
    token = jwt.encode(CLAIMS, KEYS["ES256"][0], algorithm="ES256", headers={"kid": "ES256"})
    for _ in range(5):
        with pytest.raises(UnauthenticatedError):
            await verifier.verify(token)
    assert len(fetched) == 1
    served[0], clock[0] = key_set("ES256"), NOW + 31
    assert (await verifier.verify(token)).subject == "ann"
    assert len(fetched) == 2


async def test_an_identity_provider_that_is_down_is_503_and_not_401():
    async def fetch(_url):
        raise ConnectionError

    verifier = TokenVerifier(TokenRules(None, jwks_url="https://idp.example/keys"), fetch_json=fetch)
    token = jwt.encode(CLAIMS, KEYS["RS256"][0], algorithm="RS256", headers={"kid": "RS256"})
    with pytest.raises(UnavailableError):
        await verifier.verify(token)


async def test_a_minted_service_token_is_renewed_before_it_expires():
    clock = [time.time()]
    tokens = MintedServiceTokens(SECRET, subject="sales", audience="shelfwise", issuer=None, clock=lambda: clock[0])
    first = await tokens.token()
    assert await tokens.token() == first
    principal = await TokenVerifier(TokenRules(SECRET)).verify(first)
    clock[0] += 250
    assert await tokens.token() != first
    assert principal.is_service
    principal.require_tenant("any", any_tenant=True)
    with pytest.raises(ForbiddenError):
        principal.require_tenant("any")


async def test_a_client_credentials_token_is_asked_for_once_and_renewed():
    asked, clock = [], [NOW]

    async def post_form(_url, form):
        asked.append(form["grant_type"])
        return {"access_token": f"t{len(asked)}", "expires_in": 300}

    tokens = ClientCredentialsTokens(
        "https://idp.example/token",
        client_id="sales",
        client_secret="s",
        audience="shelfwise",
        post_form=post_form,
        clock=lambda: clock[0],
    )
    assert [await tokens.token(), await tokens.token()] == ["t1", "t1"]
    clock[0] += 241
    assert await tokens.token() == "t2"
