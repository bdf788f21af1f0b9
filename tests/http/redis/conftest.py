from collections.abc import AsyncIterator

import pytest

from fixtures.redis_server import PrivateRedis
from fixtures.shared_cache import Processes, processes


@pytest.fixture
async def several(redis_server: PrivateRedis) -> AsyncIterator[Processes]:
    """Processes that share the session's Redis."""
    async with processes(redis_server) as found:
        yield found
