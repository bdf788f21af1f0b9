"""For tests of code that calls through this client: time under control, a wire by script, a network that fails.

>>> clock = FakeClock()
>>> wire = ScriptedWire([respond(503), respond(200, b"{}")])
>>> client = ServiceClient("http://sales", wire=wire, clock=clock, sleep=clock.sleep)

>>> async with FaultProxy("127.0.0.1", server_port, random=Random(1)) as proxy:
...     proxy.latency_seconds = 0.05
...     proxy.reset_probability = 0.1
...     client = ServiceClient(proxy.url)
"""

from shelfwise.http.service import ServiceClient
from shelfwise.http.testing.clock import FakeClock, SimulatedClock
from shelfwise.http.testing.proxy import FaultProxy
from shelfwise.http.testing.wire import ScriptedWire, Step, respond

__all__ = ["FakeClock", "FaultProxy", "ScriptedWire", "ServiceClient", "SimulatedClock", "Step", "respond"]
