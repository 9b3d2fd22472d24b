"""A simulated meter behind a landlord's meter in the database: whatever letter is out is answered by its own bytes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apps.meters import deciding as d
from apps.meters.models import Gateway, Letter, Meter, Presence
from apps.meters.services import delivery
from apps.meters.states import Outcome
from apps.meters.store import PostgresStore
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.simulator.port import Port
from tests.meter_gateway.simulator.bench import meter_on_bench


@dataclass
class SimulatedLine:
    """Use it inside the landlord's scope. `cut` says of a letter whether its answer gets lost."""

    hung: Meter
    now: datetime
    meter_is: dict[str, Any] = field(default_factory=dict)
    cut: Callable[[Letter], bool] = lambda _letter: False

    def __post_init__(self) -> None:
        profile = load_profile(self.hung.profile)
        self.meter = meter_on_bench(load_kw="0", now=self.now, **self.meter_is)
        self.meter.state = replace(self.meter.state, serial=self.hung.serial)
        self.port = Port(self.meter, profile)
        gateway, _made = Gateway.objects.get_or_create(
            name="gw", defaults={"node": "n", "stream": "s", "hello_at": self.now}
        )
        Presence.objects.update_or_create(
            serial=self.hung.serial,
            defaults={
                "gateway": gateway,
                "epoch": 1,
                "is_online": True,
                "since": self.now,
                "seen_at": self.now,
            },
        )

    # The post, as the services see it: letters are taken from their rows.
    def ask(self, serial: str, letter: d.SendLetter) -> None:
        """Leave it where it is."""

    def happen(self, event: d.Event) -> d.MeterState:
        return delivery.take_turn(store=PostgresStore(), post=self, meter_id=self.pk, event=event)  # type: ignore[arg-type]

    @property
    def pk(self) -> UUID:
        return self.hung.pk

    @property
    def row(self) -> Meter:
        return Meter.objects.get(pk=self.pk)

    def answer(self) -> bool:
        """Answer the letter that is out; say whether there was one."""
        letter = Letter.objects.filter(meter_id=self.pk, state=Letter.State.OUT).first()
        if letter is None:
            return False
        heard = [self.port.receive(bytes.fromhex(frame), self.now) for frame in letter.frames]
        replies = [answers[0].raw.hex() if answers else None for answers in heard]
        lost = self.cut(letter)
        delivery.take_answer(
            post=self,  # type: ignore[arg-type]
            meter_id=self.pk,
            command_id=letter.command_id,
            attempt=letter.attempt,
            epoch=1,
            outcome=Outcome.NO_ANSWER if lost else Outcome.ANSWERED,
            replies=[None] * len(replies) if lost else replies,
            now=self.now,
        )
        return True

    def go_on(self, now: datetime) -> None:
        """Take a turn and answer until nothing is out; a second passes with each answer."""
        self.now = max(now, self.now)
        self.happen(d.Rung(self.now))
        while self.answer():
            self.now += timedelta(seconds=1)
