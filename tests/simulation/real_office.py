"""The office on PostgreSQL: the product's own tasks, sweepers and services, in a process that may die anywhere."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from celery.exceptions import Retry
from django.conf import settings
from django.utils.module_loading import import_string

from apps.accounts import chain
from apps.accounts import services as accounts
from apps.accounts.doors import Found
from apps.common.scoping import landlord_scope
from apps.income import sweeping as money_sweeping
from apps.income.models import Recharge, Refund
from apps.income.services.channels import open_account
from apps.income.states import Channel, RefundState
from apps.meters import deciding as d
from apps.meters import sweeping
from apps.meters.models import Meter, Room, Site
from apps.meters.services import registry
from apps.meters.states import CommandKind
from apps.meters.store import PostgresStore
from apps.tariffs.services import set_price
from config.celery import app as celery
from tests.simulation.broker import Broker
from tests.simulation.database import empty_database, open_database
from tests.simulation.faults import Faults, WorkerDied
from tests.simulation.platforms import MERCHANT
from tests.simulation.surroundings import Surroundings
from tests.simulation.virtual_time import START, VirtualTime
from tests.simulation.witness import Witness, load_unseen

SWEEP_S = 4.0
LOOK_S = 10.0
# As `meters_logged_in` has it, the one task that comes again by itself.
RETRY_S = 1.0
KEYS = {"platform_public_key_id": "k", "platform_public_key_pem": "", "apiv3_key": ""}
PRICE = Decimal("0.6500")
Result = TypeVar("Result")


class RealOffice:
    """The same shape as `Office`. Whatever it does runs in `work`."""

    def __init__(
        self,
        time: VirtualTime,
        dice: random.Random,
        faults: Faults,
        broker: Broker,
        skews_s: list[float],
        trace: Callable[[str, str, str], None],
    ) -> None:
        open_database()
        empty_database()
        self._time = time
        self._dice = dice
        self._faults = faults
        self._broker = broker
        self._skews_s = skews_s
        self._trace = trace
        self._clock = START
        self._rest: tuple[float, bool] = (-LOOK_S, False)
        self.meter_ids: dict[str, UUID] = {}
        self.on_commit: Callable[..., None] = lambda *_: None
        self.after_money: Callable[[], None] = lambda: None
        self.sweeper_stands_until = 0.0
        self._sweeps = 0
        self.people: Any = None
        self.surroundings = Surroundings(dice, faults, broker, lambda: self._clock)
        self.witness = Witness(lambda *committed: self.on_commit(*committed))
        celery.loader.import_default_modules()
        broker.run_task = self.run_task

    def open(self, profiles: dict[str, str]) -> None:
        """Take devices into stock, hang them with a landlord, and let the world begin."""
        self.surroundings.set_up()
        self.witness.watch(self.surroundings.place)
        self.owner = accounts.create_user(username="13800000001", password=None, name="Li", now=START)
        landlord = accounts.open_landlord(name="Li Rooms", owner=self.owner, phone="13800000001", now=START)
        self.landlord_id = landlord.pk
        renter = accounts.register_renter(name="Chen", phone="13900000001", user=None)
        with self.scope():
            site = Site.objects.create(name="Li Court")
            self.accounts = {
                channel: open_account(
                    channel=channel, merchant_id=MERCHANT, credentials=KEYS, by_id=self.owner.pk, now=START
                )
                for channel in Channel
            }
            for place, (serial, profile) in enumerate(profiles.items()):
                room = Room.objects.create(site=site, building="3", name=f"30{place}")
                meter = self.hang(serial, profile, room, START)
                if not place:
                    registry.begin_lease(
                        meter=meter, renter=renter, starts_at=START, by_id=self.owner.pk, now=START
                    )
                self.meter_ids[serial] = meter.pk
        self._time.after(SWEEP_S, self._sweep)
        self._time.after(60, self._beat)

    def hang(self, serial: str, profile: str, room: Room, now: datetime) -> Meter:
        """Hang a device in a room at the price of the house, inside the landlord's scope."""
        stocked = registry.stock_meter(serial=serial, profile=profile, now=now)
        meter = registry.hang_meter(stocked=stocked, room=room, by_id=self.owner.pk, now=now)
        set_price(meter=meter, price_yuan_per_kwh=PRICE, active_from=now, by_id=self.owner.pk, now=now)
        return meter

    def close(self) -> None:
        self.surroundings.tear_down()

    def scope(self) -> Any:
        return landlord_scope(self.landlord_id)

    def found(self, serial: str) -> Found:
        return Found(self.landlord_id, self.meter_ids[serial])

    def meter(self, serial: str) -> Meter:
        return Meter.objects.select_related("room__site").get(pk=self.meter_ids[serial])

    def now(self) -> datetime:
        return self._time.utc(self._dice.choice(self._skews_s))

    def state(self, serial: str) -> d.MeterState:
        with self.scope():
            return load_unseen(PostgresStore(), self.meter_ids[serial])

    # Work

    def work(self, name: str, act: Callable[[datetime], Result]) -> Result | None:
        """Let a process do something; None if it died of it. What was found on the way is raised here."""
        mortal, heard = self.surroundings.mortal, self.surroundings.complaints.heard
        self._clock = self.now()
        self.witness.begin()
        mortal.is_at_work = True
        try:
            return act(self._clock)
        except WorkerDied:
            self._trace("worker_died", name, "")
            return None
        finally:
            mortal.is_at_work = False
            mortal.bury()
            if self.witness.found is not None:
                raise self.witness.found
            if heard:
                raise AssertionError(f"a service complained: {heard[0]}")

    def run_task(self, name: str, kwargs: dict[str, Any]) -> None:
        """Run one task as a worker does; one that died is lost, as with early acknowledgement."""
        tries = kwargs.pop("tries", 0)

        def run(_now: datetime) -> None:
            try:
                celery.tasks[name](**kwargs)
            except Retry:
                if tries < celery.tasks[name].max_retries:
                    self._time.after(RETRY_S, self._broker.put_task, name, {**kwargs, "tries": tries + 1})

        self.work(name, run)
        if name.startswith("income."):
            self.after_money()

    def _sweep(self) -> None:
        self._time.after(SWEEP_S, self._sweep)
        if self._time.now < self.sweeper_stands_until:
            return
        self.work("sweep", sweeping.sweep)
        self._sweeps += 1
        if self._sweeps % 2:
            self.work("sweep", money_sweeping.sweep)
            self.after_money()

    def _beat(self) -> None:
        self._time.after(60, self._beat)
        self._broker.put_task("meters.read_due_meters", {})
        self.work("seal", chain.seal)

    # The end

    def is_at_rest(self) -> bool:
        """Whether nothing moves any more; looked up every few seconds only."""
        looked_at, was = self._rest
        if self._time.now - looked_at >= LOOK_S:
            states = [self.state(serial) for serial in self.meter_ids]
            was = all(s.letter is None and (not s.commands or _only_frozen(s)) for s in states)
            frozen = {serial for serial, s in zip(self.meter_ids, states, strict=True) if s.frozen}
            with self.scope():
                waiting = Recharge.objects.filter(state="OPEN").exclude(meter__serial__in=frozen)
                unpaid = Refund.objects.exclude(state__in=[RefundState.DONE, RefundState.CLOSED])
                unpaid = unpaid.exclude(
                    state=RefundState.WAITING, payment__recharge__meter__serial__in=frozen
                )
                was = was and not waiting.exists() and not unpaid.exists()
            was = was and not self.people.has_work()
            self._rest = (self._time.now, was)
        return was

    def disturb(self) -> None:
        """Somebody has just set something going: what was seen of the rest is over."""
        self._rest = (self._time.now, False)

    def frozen(self) -> int:
        return sum(bool(self.state(serial).frozen) for serial in self.meter_ids)

    def sweep_for_hours(self, hours: float) -> None:
        """Nothing moves any more but the sweeper, which asks for the last time about orders nobody paid."""
        for _ in range(int(hours * 60)):
            self._time.now += 60
            self.work("sweep", money_sweeping.sweep)
            self.after_money()
        for path, _every_s in settings.SWEEPS:
            if path.startswith("apps.income."):
                self.work("sweep", import_string(path))


def _only_frozen(state: d.MeterState) -> bool:
    return bool(state.frozen) and all(c.kind == CommandKind.CREDIT for c in state.commands)
