"""The office in memory: workers that run the real turns, logins by the rule of `presence`, the sweeper."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apps.meters import deciding as d
from apps.meters.deciding.ways_out import Plan, plan
from apps.meters.services.delivery import take_turn
from apps.meters.services.presence import GATEWAY_SILENT
from apps.meters.states import CommandKind, Outcome, Way
from tests.simulation.broker import Broker, SimulatedPost
from tests.simulation.faults import Fault, Faults, WorkerDied
from tests.simulation.gateways import cached_profile
from tests.simulation.simulated_store import SimulatedStore
from tests.simulation.virtual_time import VirtualTime

OFFLINE_AFTER = timedelta(seconds=240)
PROBE_LASTS = timedelta(minutes=10)
SWEEP_S = 1.0


@dataclass
class Presence:
    gateway: str
    session: str
    epoch: int
    is_online: bool
    since: datetime
    seen_at: datetime


def _only_frozen(state: d.MeterState) -> bool:
    return bool(state.frozen) and all(command.energy_kwh is not None for command in state.commands)


class Office:
    """Django's part. `ended` is told the ids of credits that have ended, by doorbell or by the sweeper."""

    def __init__(
        self,
        time: VirtualTime,
        dice: random.Random,
        faults: Faults,
        broker: Broker,
        skews_s: list[float],
        trace: Callable[[str, str, str], None],
    ) -> None:
        self._time = time
        self._dice = dice
        self._faults = faults
        self._broker = broker
        self._skews_s = skews_s
        self._trace = trace
        self.post = SimulatedPost(broker)
        self.store = SimulatedStore(faults, self.session_of)
        self.on_commit: Callable[..., None] = lambda *_: None
        self.store.on_commit = lambda *committed: self.on_commit(*committed)
        self.meter_ids: dict[str, UUID] = {}
        self.presence: dict[str, Presence] = {}
        self.gateways: dict[str, tuple[str, datetime, bool]] = {}
        self.sweeper_stands_until = 0.0
        self.settle: Callable[[UUID], None] = lambda command_id: None
        self.unsettled: Callable[[], list[UUID]] = list
        broker.run_task = self.run_task
        time.after(SWEEP_S, self._sweep)

    def session_of(self, serial: str) -> d.Session | None:
        row = self.presence.get(serial)
        return d.Session(row.gateway, row.epoch) if row is not None and row.is_online else None

    def open(self, profiles: dict[str, str]) -> None:
        """Take the meters on; `World` gives them their ids."""
        for serial, profile in profiles.items():
            self._hang(serial, profile)

    def _hang(self, serial: str, profile: str) -> None:
        meter_id = self.meter_ids[serial] = UUID(int=self._dice.getrandbits(128))
        self.store.meters[meter_id] = d.MeterState(
            serial=serial,
            profile=cached_profile(profile),
            device_epoch=1,
            count=None,
            purchased_kwh=None,
            customer_no="",
            frozen="",
            wish_version=0,
            wished_on=None,
            session=None,
            letter=None,
            commands=(),
        )

    def swap(self, serial: str, spare: str, profile: str) -> bool:
        """Take a meter out of use and hang another one; refused while credit or reset is open, as the service does."""
        if any(command.is_credit or command.is_reset for command in self.state(serial).commands):
            return False
        self._hang(spare, profile)
        return True

    def close(self) -> None:
        """Nothing is held."""

    # The operator's desk

    def frozen_meters(self) -> list[str]:
        return [serial for serial in self.meter_ids if self.state(serial).frozen]

    def ways_of(self, serial: str) -> list[Way] | None:
        probe, state = self._probe(serial), self.state(serial)
        if probe is None:
            return None
        state = replace(state, session=self.session_of(serial))
        return [way for way in Way if isinstance(plan(state, probe, way), Plan)]

    def _probe(self, serial: str) -> d.Probe | None:
        """The newest answered probe of this body, if it is fresh: the rule of apps.income.services.freezes."""
        meter_id = self.meter_ids[serial]
        at, body, probe = self.store.probes.get(meter_id, (None, 0, None))
        fresh = at is not None and at >= self._time.utc() - PROBE_LASTS
        return probe if fresh and body == self.store.meters[meter_id].device_epoch else None

    def resolve(self, serial: str, way: Way) -> None:
        probe = self._probe(serial)
        assert probe is not None
        self.store.probes.pop(self.meter_ids[serial])
        try:
            self._turn(self.meter_ids[serial], d.Resolved(self.now(), way, probe))
        except WorkerDied:
            self._trace("worker_died", "resolve", "")

    # The end

    def is_at_rest(self) -> bool:
        """Whether nothing moves any more, or only what a frozen queue holds."""
        return not self.unsettled() and all(
            state.letter is None and (not state.commands or _only_frozen(state))
            for state in self.store.meters.values()
        )

    def frozen(self) -> int:
        return sum(bool(state.frozen) for state in self.store.meters.values())

    def state(self, serial: str) -> d.MeterState:
        return self.store.meters[self.meter_ids[serial]]

    def now(self) -> datetime:
        """The time as one of the processes sees it."""
        return self._time.utc(self._dice.choice(self._skews_s))

    def ring(self, name: str, **kwargs: Any) -> None:
        self._broker.put_task(name, kwargs)

    # Workers

    def run_task(self, name: str, kwargs: dict[str, Any]) -> None:
        """Run one task in a worker that may die of it; then the task is lost, as with early acknowledgement."""
        now = self.now()
        try:
            match name:
                case "meters.take_turn":
                    self._turn(UUID(kwargs["meter_id"]), d.Rung(now))
                case "meters.gateway_hello":
                    self._hello(kwargs["gateway"], kwargs["node"], now)
                case "meters.meters_logged_in":
                    self._grant(kwargs["gateway"], kwargs["logins"], now)
                case "meters.meters_gone":
                    for gone in kwargs["sessions"]:
                        row = self.presence.get(gone["serial"])
                        if row and (row.gateway, row.session) == (kwargs["gateway"], gone["session"]):
                            self._offline(row, now)
                case "meters.meters_seen":
                    self._seen(kwargs["gateway"], kwargs["seen"], now)
                case "meters.letters_answered":
                    for answer in kwargs["answers"]:
                        self._answered(answer)
                case "income.settle_recharge":
                    self.settle(UUID(kwargs["command_id"]))
        except WorkerDied:
            self._trace("worker_died", name, "")

    def _turn(self, meter_id: UUID, event: d.Event) -> None:
        take_turn(store=self.store, post=self.post, meter_id=meter_id, event=event)
        for effect in [e for _, e in self.store._written if isinstance(e, d.Finished)]:
            self.ring("income.settle_recharge", command_id=str(effect.command_id))

    def cancel(self, meter_id: UUID, command_id: UUID) -> None:
        try:
            self._turn(meter_id, d.CancelAsked(self.now(), command_id))
        except WorkerDied:
            self._trace("worker_died", "cancel", "")

    def hand_to_phone(self, serial: str) -> d.OpenCommand | None:
        """Open a phone's session; returns the numbered credit it was handed, if any."""
        try:
            self._turn(self.meter_ids[serial], d.PhoneCame(self.now()))
        except WorkerDied:
            self._trace("worker_died", "phone", "")
            return None
        state = self.state(serial)
        head = state.head_credit
        return head if head is not None and head.number is not None and not state.frozen else None

    def hear_phone(
        self, serial: str, command_id: UUID, frames: tuple[str, ...], said: tuple[str | None, ...]
    ) -> None:
        self._trace("phone_says", serial, " ".join(answer or "-" for answer in said))
        try:
            self._turn(self.meter_ids[serial], d.PhoneSaid(self.now(), command_id, frames, said))
        except WorkerDied:
            self._trace("worker_died", "phone", "")

    def _answered(self, answer: dict[str, Any]) -> None:
        command_id, attempt = UUID(answer["command"]), answer["attempt"]
        letter = self.store.letters.get((command_id, attempt))
        if letter is None:
            return
        event = d.Answered(
            now=self.now(),
            command_id=command_id,
            attempt=attempt,
            epoch=answer["epoch"],
            purpose=letter.purpose,
            frames=letter.frames,
            outcome=Outcome(answer["outcome"]),
            replies=tuple(answer["replies"]),
        )
        self._turn(self.meter_ids[answer["serial"]], event)

    # Presence, by the rule of apps.meters.services.presence

    def _hello(self, gateway: str, node: str, now: datetime) -> None:
        is_new = gateway not in self.gateways
        self.gateways[gateway] = (node, now, True)
        if is_new:
            for name, (other_node, at, is_alive) in list(self.gateways.items()):
                if other_node == node and name != gateway and is_alive:
                    self._bury(name, other_node, at, now)
        if is_new or not self._broker.has_map:
            self._broker.has_map = self._broker.is_up or self._broker.has_map

    def _bury(self, name: str, node: str, at: datetime, now: datetime) -> None:
        self.gateways[name] = (node, at, False)
        for row in self.presence.values():
            if row.gateway == name:
                self._offline(row, now)

    @staticmethod
    def _offline(row: Presence, now: datetime) -> None:
        if row.is_online:
            row.is_online, row.since = False, now

    def _seen(self, gateway: str, seen: list[dict[str, Any]], now: datetime) -> None:
        unrecorded = []
        for entry in seen:
            row = self.presence.get(entry["serial"])
            if row is None:
                continue
            if row.gateway == gateway:
                row.seen_at = now
            recorded = (row.gateway, row.session, row.epoch)
            is_recorded = row.is_online and recorded == (gateway, entry["session"], entry["epoch"])
            if not is_recorded and datetime.fromisoformat(entry["at"]) > row.since:
                unrecorded.append(entry)
        self._grant(gateway, unrecorded, now)

    def _grant(self, gateway: str, logins: list[dict[str, Any]], now: datetime) -> None:
        if not self.gateways.get(gateway, ("", now, False))[2]:
            return
        granted = []
        for login in logins:
            serial, session = login["serial"], login["session"]
            row = self.presence.get(serial)
            if row is None or (row.gateway, row.session) != (gateway, session):
                epoch = row.epoch + 1 if row else 1
                row = self.presence[serial] = Presence(gateway, session, epoch, True, now, now)
            row.is_online, row.seen_at = True, now
            if self._faults.hits(Fault.CRASH_BEFORE_POST):
                raise WorkerDied
            self.post.grant(gateway, serial, UUID(session), row.epoch)
            granted.append(serial)
            self._trace("granted", serial, f"{gateway} epoch {row.epoch}")
        for serial in granted:
            self._turn(self.meter_ids[serial], d.LoggedIn(now))

    # The sweeper, by the rule of apps.meters.sweeping

    def _sweep(self) -> None:
        self._time.after(SWEEP_S, self._sweep)
        if self._time.now < self.sweeper_stands_until:
            return
        now = self._time.utc(self._skews_s[0])
        for name, (node, at, is_alive) in list(self.gateways.items()):
            if is_alive and at < now - GATEWAY_SILENT:
                self._bury(name, node, at, now)
        for row in self.presence.values():
            if row.seen_at < now - OFFLINE_AFTER:
                self._offline(row, now)
        for meter_id, state in list(self.store.meters.items()):
            if self._is_due(state, now):
                try:
                    self._turn(meter_id, d.Rung(now))
                except WorkerDied:
                    self._trace("worker_died", "sweep", "")
        for command_id in self.unsettled():
            self.settle(command_id)

    def _is_due(self, state: d.MeterState, now: datetime) -> bool:
        row = self.presence.get(state.serial)
        is_online = row is not None and row.is_online
        if state.letter is not None:
            return state.letter.deadline_at <= now or not is_online
        for command in state.commands:
            held = command.kind == CommandKind.CREDIT and state.frozen
            if is_online and command.next_at <= now and not held:
                return True
            if command.expires_at is not None and command.expires_at <= now:
                return True
        return False
