"""Fixtures of the HTTP client's tests."""

from fixtures.redis_server import redis_server

__all__ = ["redis_server"]
