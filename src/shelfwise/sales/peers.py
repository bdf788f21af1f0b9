"""Calls that Sales itself makes: events to Inventory, keys and tokens of the identity provider.

Only the relay and the token verifier use these; no request handler of Sales ever calls Inventory.
"""

from collections.abc import Mapping
from typing import Any

import httpx2

_TIMEOUT_SECONDS = 10.0


class Peers:
    """One pooled client, made when it is first used."""

    def __init__(self, inventory_url: str) -> None:
        self._inventory_url = inventory_url.rstrip("/")
        self._client: httpx2.AsyncClient | None = None

    async def post_to_inventory(self, path: str, *, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The body of Inventory's answer; raises for anything but a 2xx."""
        response = await self._open().post(self._inventory_url + path, content=body, headers=dict(headers))
        response.raise_for_status()
        return response.content

    async def fetch_json(self, url: str) -> Mapping[str, Any]:
        """A JSON document, for the key set of the identity provider."""
        response = await self._open().get(url)
        response.raise_for_status()
        document: Mapping[str, Any] = response.json()
        return document

    async def post_form(self, url: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        """The JSON answer to a form, for the token endpoint of the identity provider."""
        response = await self._open().post(url, data=dict(form))
        response.raise_for_status()
        document: Mapping[str, Any] = response.json()
        return document

    def warm_up(self) -> None:
        """Makes the client now: its TLS context takes long enough to be made beside the event loop, at the start."""
        self._open()

    async def aclose(self) -> None:
        """Closes the pool."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _open(self) -> httpx2.AsyncClient:
        if self._client is None:
            # trust_env is off: neither proxies nor netrc of the machine may carry a service token away.
            self._client = httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False)
        return self._client
