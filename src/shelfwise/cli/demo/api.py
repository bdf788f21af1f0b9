"""The demo's own calls to its two services: the public API and nothing else."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from shelfwise.cli.demo.errors import DemoError
from shelfwise.http import HTTPClient

_CALL_SECONDS = 60.0


class Api:
    """Both services of the demo, for one tenant."""

    def __init__(self, inventory_url: str, sales_url: str, token: str, tenant_id: str) -> None:
        self.inventory_url = inventory_url
        self.sales_url = sales_url
        self._headers = {"Authorization": f"Bearer {token}", "X-Tenant-ID": tenant_id}

    async def inventory(self, method: str, path: str, **body: Any) -> Any:  # noqa: ANN401  JSON
        """Inventory's answer as JSON. Raises DemoError when it is not a 2xx."""
        return await self._call(method, self.inventory_url + path, **body)

    async def sales(self, method: str, path: str, **body: Any) -> Any:  # noqa: ANN401  JSON
        """Sales' answer as JSON. Raises DemoError when it is not a 2xx."""
        return await self._call(method, self.sales_url + path, **body)

    async def sales_status(self, path: str) -> int:
        """The status that Sales gives for a path."""
        response = await HTTPClient.get(self.sales_url + path, headers=self._headers, timeout=_CALL_SECONDS)
        return response.status_code

    async def _call(
        self, method: str, url: str, *, json: object = None, csv: bytes | None = None, key: str | None = None
    ) -> Any:  # noqa: ANN401  JSON
        headers: dict[str, str] = dict(self._headers)
        options: dict[str, Any] = {"timeout": _CALL_SECONDS}
        if csv is not None:
            headers["Content-Type"] = "text/csv"
            options["content"] = csv
        elif json is not None:
            options["json"] = json
        if key is not None:
            headers["Idempotency-Key"] = key
        response = await HTTPClient.request(method, url, headers=headers, **options)
        if not response.is_success:
            raise DemoError(f"{method} {url} answered {response.status_code}: {response.text[:500]}")
        return response.json() if response.content else None


async def ready(url: str, *, seconds: float) -> bool:
    """Whether the service at the URL says within so many seconds that it wants traffic."""
    parts = urlsplit(url)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        # A port that nobody listens on yet is not a failing service: the client's breaker must not hear of it.
        if await _listens(str(parts.hostname), parts.port or 80):
            response = await HTTPClient.get(f"{url}/health/ready", timeout=5.0)
            if response.status_code == 200:
                return True
        await asyncio.sleep(0.05)
    return False


async def _listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def component(health: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """One component's detail from a ``/health`` document."""
    detail: Mapping[str, Any] = health["components"][name].get("detail", {})
    return detail
