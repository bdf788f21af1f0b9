"""Every wire in each of its protocols, and real servers to hold it to."""

from collections.abc import AsyncIterator

import pytest

from fixtures.certificates import Authority
from fixtures.http_peers import echo_app
from fixtures.servers import RunningServer, running
from fixtures.wires import POLICY, WIRES, WireKind
from shelfwise.http import Wire


@pytest.fixture(params=WIRES, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> WireKind:
    return request.param


@pytest.fixture(params=[kind for kind in WIRES if kind.protocol == "HTTP/1.1"], ids=lambda kind: kind.name)
def http1_kind(request: pytest.FixtureRequest) -> WireKind:
    return request.param


@pytest.fixture
async def wire(kind: WireKind) -> AsyncIterator[Wire]:
    made = kind.make(POLICY)
    yield made
    await made.aclose()


@pytest.fixture(params=[kind for kind in WIRES if kind.protocol == "HTTP/2"], ids=lambda kind: kind.name)
async def http2_wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    made = request.param.make(POLICY)
    yield made
    await made.aclose()


@pytest.fixture
async def http1_wire(http1_kind: WireKind) -> AsyncIterator[Wire]:
    made = http1_kind.make(POLICY)
    yield made
    await made.aclose()


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    async with running(echo_app) as started:
        yield started


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))
