"""Any sequence of ledger, reservation, transfer and count requests against ten lines of what must be true."""

import asyncio
import shutil
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from fixtures.databases import SqliteFiles
from fixtures.inventory import SECRET, TENANT, opening, receipt, sale
from fixtures.sizes import STATED
from shelfwise.inventory.catalogue.rules import Product
from shelfwise.inventory.config import Settings
from shelfwise.inventory.counts.schemas import CountIn, CountLineIn
from shelfwise.inventory.main import compose
from shelfwise.inventory.places.schemas import LocationIn
from shelfwise.inventory.reservations.schemas import ConsumeIn, ReservationIn
from shelfwise.inventory.stock.schemas import MovementIn
from shelfwise.inventory.tables import MIGRATIONS
from shelfwise.inventory.tenants.rules import TenantSettings
from shelfwise.inventory.transfers.schemas import ArrivedLine, TransferIn, TransferLineIn, TransferReceiptIn
from shelfwise.platform.idempotency import RequestIdentity
from shelfwise.platform.problems import ConflictError

products, places, units = st.sampled_from(["P1", "P2"]), st.sampled_from(["main", "shop"]), st.integers(1, 6)


class LedgerMachine(RuleBasedStateMachine):
    """``on_hand`` and ``held`` are the model; every rule says what a request must do to it, or that it is refused."""

    reservations, transfers = Bundle("reservations"), Bundle("transfers")
    url = ""

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="shelfwise-machine-"))
        shutil.copy(self.url.removeprefix("sqlite:///"), self.folder / "inventory.db")
        self.now = datetime(2026, 3, 10, 9, tzinfo=UTC)
        self.ids = count(1)
        known = {"_env_file": None, "DATA_DIR": self.folder, "AUTH_SECRET": SECRET}
        self.service = compose(Settings(**known), clock=self.tick)
        self.on_hand, self.held = Counter(), Counter()
        self.run(self.set_up())

    def tick(self):
        self.now += timedelta(seconds=1)
        return self.now

    def run(self, work):
        return self.runner.run(work)

    async def set_up(self):
        await self.service.tenants.create(TENANT, TenantSettings("One"))
        await self.service.places.create(TENANT, LocationIn("shop"))
        for name in ("P1", "P2"):
            await self.service.catalogue.create(TENANT, Product(name, name, name))
            await self.service.stock.load(TENANT, [opening(5, name)], source="t")
            self.on_hand[name, "main"] = 5

    def available(self, place):
        return self.on_hand[place] - self.held[place]

    def attempt(self, allowed, request):
        """Sends a request twice with one key: both get one answer, or both are refused, as the model says."""
        key = RequestIdentity.of(tenant_id=TENANT, subject="ann", route="r", key=str(next(self.ids)), payload=b"")
        if not allowed:
            with pytest.raises(ConflictError):
                self.run(request(key))
            return None
        first, again = self.run(request(key)), self.run(request(key))
        assert first == again
        return msgspec.json.decode(first.body)

    @rule(product=products, place=places, n=units)
    def receives(self, product, place, n):
        entry = receipt(n, product, location_id=place)
        self.attempt(True, lambda key: self.service.stock.post(TENANT, [entry], identity=key))
        self.on_hand[product, place] += n

    @rule(product=products, place=places, n=units)
    def loses(self, product, place, n):
        entry = MovementIn("adjustment", product, n, location_id=place, direction="out")
        allowed = n <= self.available((product, place))
        if self.attempt(allowed, lambda key: self.service.stock.post(TENANT, [entry], identity=key)):
            self.on_hand[product, place] -= n

    @rule(product=products, place=places, n=units)
    def sells(self, product, place, n):
        event = sale(next(self.ids), n, product, at=self.tick(), location_id=place)
        for applied in (1, 0):
            assert self.run(self.service.inbox.take(TENANT, [event]))["applied"] == applied
        self.on_hand[product, place] -= n

    @rule(product=products, place=places, n=st.integers(0, 9))
    def counts(self, product, place, n):
        wanted = CountIn([CountLineIn(product, n)], location_id=place)
        self.attempt(True, lambda key: self.service.counts.count(TENANT, wanted, key))
        self.on_hand[product, place] = n

    @rule(target=reservations, product=products, place=places, n=units)
    def holds(self, product, place, n):
        wanted = ReservationIn(product, n, location_id=place)
        allowed = n <= self.available((product, place))
        made = self.attempt(allowed, lambda key: self.service.reservations.hold(TENANT, wanted, key))
        if made:
            self.held[product, place] += n
            return {"id": made["reservation_id"], "place": (product, place), "left": n}
        return {"id": None, "place": (product, place), "left": 0}

    @rule(held=reservations, n=units)
    def consumes(self, held, n):
        if held["id"] is None:
            return
        allowed = n <= held["left"]
        wanted = ConsumeIn(n)
        if self.attempt(allowed, lambda key: self.service.reservations.consume(TENANT, held["id"], wanted, key)):
            held["left"] -= n
            self.held[held["place"]] -= n
            self.on_hand[held["place"]] -= n

    @rule(held=reservations)
    def releases(self, held):
        if held["id"] is None:
            return
        allowed = held["left"] > 0
        if self.attempt(allowed, lambda key: self.service.reservations.release(TENANT, held["id"], key)):
            self.held[held["place"]] -= held["left"]
            held["left"] = 0

    @rule(target=transfers, product=products, place=places, n=units)
    def ships(self, product, place, n):
        there = "shop" if place == "main" else "main"
        wanted = TransferIn(there, [TransferLineIn(product, n)], from_location_id=place)
        allowed = n <= self.available((product, place))
        made = self.attempt(allowed, lambda key: self.service.transfers.ship(TENANT, wanted, key))
        if not made:
            return {"id": None}
        self.on_hand[product, place] -= n
        self.on_hand[product, "transit"] += n
        return {"id": made["transfer_id"], "product": product, "to": there, "left": n}

    @rule(shipped=transfers, n=st.integers(0, 6), final=st.booleans())
    def arrives(self, shipped, n, final):
        if shipped["id"] is None:
            return
        n = min(n, shipped["left"])
        receipt_ = TransferReceiptIn([ArrivedLine(shipped["product"], n)], final=final)
        allowed = shipped["left"] > 0
        if self.attempt(allowed, lambda key: self.service.transfers.receive(TENANT, shipped["id"], receipt_, key)):
            gone = shipped["left"] if final else n
            shipped["left"] -= gone
            self.on_hand[shipped["product"], "transit"] -= gone
            self.on_hand[shipped["product"], shipped["to"]] += n

    @invariant()
    def the_ledger_says_what_the_model_says(self):
        levels = self.run(self.service.stock.levels(TENANT, location_id=None, oversold=False, limit=99, cursor=None))
        for level in levels.items:
            place = (level.product_id, level.location_id)
            assert (level.on_hand, level.committed) == (self.on_hand[place], self.held[place]), place
        known = {(level.product_id, level.location_id) for level in levels.items}
        assert {place for place, quantity in self.on_hand.items() if quantity} <= known

    def teardown(self):
        assert self.run(self.service.rebuild.rebuild(TENANT, check=True)).listed == []
        self.run(self.service.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_no_sequence_of_requests_leaves_the_ledger_other_than_the_model(tmp_path):
    with asyncio.Runner() as runner:
        LedgerMachine.url = runner.run(SqliteFiles(tmp_path).fresh(MIGRATIONS)).database
    examples, steps = (60, 40) if STATED else (6, 15)
    run_state_machine_as_test(
        LedgerMachine,
        settings=hypothesis_settings(max_examples=examples, stateful_step_count=steps, deadline=None),
    )
