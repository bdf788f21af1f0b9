import logging

import pytest

from shelfwise.http import CallInfo, HTTPClientError, LogHooks
from shelfwise.http.strategies.retry import Retry

CALL = CallInfo("sales", "GET", "http://sales/p?days=30")


def test_each_event_is_one_line_at_its_level(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, "shelfwise.http")
    hooks = LogHooks()
    hooks.started(CALL)
    hooks.retrying(CALL, Retry("network", 0.05))
    hooks.finished(CALL, 200, 0.01, 2, "miss")
    hooks.failed(CALL, HTTPClientError("Connection refused"), 0.01)
    hooks.breaker_changed("sales", "http://sales", "open")
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("DEBUG", "GET request to http://sales/p?days=30"),
        ("DEBUG", "GET http://sales/p?days=30 - Retry after network in 0.050 s"),
        ("DEBUG", "GET http://sales/p?days=30 - Status: 200"),
        ("ERROR", "GET request failed: http://sales/p?days=30 - Connection refused"),
        ("WARNING", "Breaker of sales at http://sales is open"),
    ]


def test_no_line_shows_a_credential_of_the_query(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, "shelfwise.http")
    call, hooks = CallInfo("sales", "GET", "http://sales/p?days=30&api_key=hush"), LogHooks()
    hooks.started(call)
    hooks.retrying(call, Retry("network", 0.05))
    hooks.hedging(call)
    hooks.finished(call, 200, 0.01, 2, "miss")
    hooks.failed(call, HTTPClientError("Connection refused"), 0.01)
    assert len(caplog.records) == 5
    assert all("days=30&api_key=REDACTED" in record.getMessage() for record in caplog.records)


def test_nothing_is_formatted_when_nobody_listens(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "shelfwise.http")
    LogHooks().started(CALL)
    assert caplog.records == []
