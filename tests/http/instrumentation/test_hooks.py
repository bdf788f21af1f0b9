from shelfwise.http import CallInfo, HookSet, HTTPClientError, NoHooks, ServiceClient
from shelfwise.http.strategies.retry import Retry
from shelfwise.http.testing import ScriptedWire

CALL = CallInfo("sales", "GET", "http://sales/")


def test_a_set_tells_every_hook_every_event():
    heard: list[tuple[str, str]] = []

    class Listening(NoHooks):
        def __init__(self, name: str) -> None:
            self.name = name

        def __getattribute__(self, event: str):
            if event == "name" or event.startswith("_"):
                return super().__getattribute__(event)
            return lambda *_: heard.append((self.name, event))

    hooks = HookSet([Listening("a"), Listening("b"), NoHooks()])
    hooks.opened(ServiceClient("http://sales", wire=ScriptedWire(), hooks=NoHooks()))
    hooks.started(CALL)
    hooks.finished(CALL, 200, 0.1, 1, "miss")
    hooks.failed(CALL, HTTPClientError("x"), 0.1)
    hooks.cancelled(CALL, 0.1)
    hooks.retrying(CALL, Retry("network", 0.1))
    hooks.hedging(CALL)
    hooks.breaker_changed("sales", "http://sales", "open")
    events = ["opened", "started", "finished", "failed", "cancelled", "retrying", "hedging", "breaker_changed"]
    assert heard == [(name, event) for event in events for name in ("a", "b")]
