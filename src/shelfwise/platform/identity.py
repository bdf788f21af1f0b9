"""From settings to who may call a service, and to the token with which it calls the other one."""

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx2

from shelfwise.http import HTTPClient
from shelfwise.platform.auth import TokenRules, TokenVerifier
from shelfwise.platform.problems import UnavailableError
from shelfwise.platform.service_tokens import ClientCredentialsTokens, MintedServiceTokens, ServiceTokens
from shelfwise.platform.settings import PlatformSettings, SettingsError, shared_secret


class IdentityProvider(Protocol):
    """What is asked of an identity provider: its key set, and a token for a service's own work."""

    async def fetch_json(self, url: str) -> Mapping[str, Any]: ...

    async def post_form(self, url: str, form: Mapping[str, str]) -> Mapping[str, Any]: ...


class HttpIdentityProvider:
    """Over the pooled HTTP client."""

    async def fetch_json(self, url: str) -> Mapping[str, Any]:
        """A JSON document. Raises UnavailableError when it is not answered with one."""
        return _document(await HTTPClient.get(url))

    async def post_form(self, url: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        """The JSON answer to a form. Raises UnavailableError when it is not answered with one."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return _document(await HTTPClient.post(url, content=urlencode(form), headers=headers))


def _document(response: httpx2.Response) -> Mapping[str, Any]:
    if not response.is_success:
        raise UnavailableError(f"The identity provider answered {response.status_code}.", retry_after_seconds=30)
    document = response.json()
    if not isinstance(document, Mapping):
        raise UnavailableError("The identity provider's answer is not a JSON object.", retry_after_seconds=30)
    return document


def token_verifier(settings: PlatformSettings, provider: IdentityProvider | None = None) -> TokenVerifier:
    """Verifies callers as the settings say.

    Raises:
        SettingsError: the settings give no safe way to.
    """
    provider = HttpIdentityProvider() if provider is None else provider
    rules = TokenRules(
        secret=shared_secret(settings),
        jwks_url=settings.AUTH_JWKS_URL,
        issuer=settings.AUTH_ISSUER,
        audience=settings.AUTH_AUDIENCE,
        tenant_claim=settings.AUTH_TENANT_CLAIM,
        tenants_claim=settings.AUTH_TENANTS_CLAIM,
        scope_claim=settings.AUTH_SCOPE_CLAIM,
        default_scopes=frozenset(settings.AUTH_DEFAULT_SCOPES.split()),
    )
    return TokenVerifier(rules, fetch_json=provider.fetch_json)


def service_tokens(settings: PlatformSettings, service: str, provider: IdentityProvider | None = None) -> ServiceTokens:
    """Where background work gets its token: the identity provider when one is named, else the shared secret.

    Raises:
        SettingsError: there is neither.
    """
    provider = HttpIdentityProvider() if provider is None else provider
    if settings.SERVICE_TOKEN_URL is not None:
        if settings.SERVICE_CLIENT_ID is None or settings.SERVICE_CLIENT_SECRET_FILE is None:
            raise SettingsError("SERVICE_TOKEN_URL needs SERVICE_CLIENT_ID and SERVICE_CLIENT_SECRET_FILE.")
        return ClientCredentialsTokens(
            settings.SERVICE_TOKEN_URL,
            client_id=settings.SERVICE_CLIENT_ID,
            client_secret=settings.SERVICE_CLIENT_SECRET_FILE.read_text(encoding="utf-8").strip(),
            audience=settings.AUTH_AUDIENCE,
            post_form=provider.post_form,
        )
    secret = shared_secret(settings)
    if secret is None:
        raise SettingsError(
            f"With AUTH_JWKS_URL alone {service} cannot call the other service: set SERVICE_TOKEN_URL, "
            "SERVICE_CLIENT_ID and SERVICE_CLIENT_SECRET_FILE, or a shared AUTH_SECRET."
        )
    return MintedServiceTokens(
        secret, subject=f"service:{service}", audience=settings.AUTH_AUDIENCE, issuer=settings.AUTH_ISSUER
    )
