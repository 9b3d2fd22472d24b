"""The kit's end of the link: questions put and answers told apart, for clauses to be written in.

Every method that talks is a generator of :mod:`meter_gateway.conformance.talk` operations.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from meter_gateway.conformance.talk import Failed, Heard, Listen, NotApplicable, Said, Talk, Unjudged, Write
from meter_gateway.protocol.codecs import Value
from meter_gateway.protocol.connection import Connection, Event, Role
from meter_gateway.protocol.credits import credit_frame
from meter_gateway.protocol.follow_up import LongRead, OutOfOrder
from meter_gateway.protocol.frames import Frame, decode_di
from meter_gateway.protocol.openings import REGISTRATION_DI, OpeningSeen
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.relay import Auth, RelayAction, StatusWord3, relay_request
from meter_gateway.protocol.replies import Accepted, ReadReply, Refused, Reply, matches, parse_reply
from meter_gateway.protocol.stream import FrameSeen

CLOCK_DI, DATE_DI, TIME_DI = "0400010C", "04000101", "04000102"
DRAWN_MEANWHILE_KWH = Decimal("0.10")
"""What a household may draw between two reads of one comparison."""

_VALID_FOR = timedelta(minutes=10)
_CONTACT_REST = timedelta(seconds=60)
_CONTACT_MOVES = 8


@dataclass(frozen=True, slots=True)
class Purse:
    """The counters that money hangs on, read one after another."""

    total_kwh: Decimal
    remaining_kwh: Decimal
    purchased_kwh: Decimal
    count: int


@dataclass
class Bench:
    """One meter on one link.

    ``first_words`` is what the meter said when the link came up, None where the kit dialled the meter.
    Energies are those of the profile's steps.
    """

    profile: Profile
    serial: str
    now: datetime
    may_change: bool = True
    answer_s: float = 8.0
    silence_s: float = 2.0
    patience_s: float = 120.0
    first_words: bytes | None = None
    customer_no: str = "000000000001"

    def __post_init__(self) -> None:
        self.said: list[Said] = []
        self.lost = False
        self._connection = Connection(Role.PLATFORM)
        self._orders = 0
        self._movements: list[datetime] = []

    def link_came_up(self, first_words: bytes | None) -> None:
        """A new connection: half an answer of the old one is no answer."""
        self.first_words = first_words
        self.lost = False
        self._connection = Connection(Role.PLATFORM)

    def needs(self, ability: str) -> None:
        """Go on only with a model that can do that.

        :raises NotApplicable: its profile does not list the ability.
        """
        if ability not in self.profile.abilities:
            raise NotApplicable(f"the model's profile does not list {ability}")

    # Bytes

    def write(self, raw: bytes) -> Talk[None]:
        """These bytes as one portion."""
        if self.lost:
            raise Failed("The link is closed.")
        self.said.append(Said(True, raw))
        self.now = (yield Write(raw)).now

    def listen(self, seconds: float) -> Talk[list[Event]]:
        """What the meter says next, [] when it says nothing for so long. Heartbeats are answered."""
        if self.lost:
            raise Failed("The link is closed.")
        heard: Heard = yield Listen(max(seconds, 0.0))
        self.now = heard.now
        if heard.data is None:
            self.lost = True
            raise Failed("The meter closed the link.")
        if not heard.data:
            return self._connection.flush()
        self.said.append(Said(False, heard.data))
        events = self._connection.receive(heard.data)
        for event in events:
            if isinstance(event, OpeningSeen) and event.answer:
                yield from self.write(self._connection.send(event.answer))
        return events

    def wait(self, seconds: float) -> Talk[None]:
        """Let time pass; what the meter says meanwhile goes into the record."""
        until = self.now + timedelta(seconds=seconds)
        while self.now < until:
            yield from self.listen((until - self.now).total_seconds())

    def frames(self, seconds: float, enough: int = 1) -> Talk[list[Frame]]:
        """The frames of the meter until there are ``enough``, or the time is up; no unasked reports."""
        until = self.now + timedelta(seconds=seconds)
        frames: list[Frame] = []
        while len(frames) < enough and self.now < until:
            events = yield from self.listen((until - self.now).total_seconds())
            seen = [event.frame for event in events if isinstance(event, FrameSeen)]
            frames += [frame for frame in seen if not self._is_unasked(frame)]
        return frames

    def stays_silent(self, raw: bytes, to: str) -> Talk[None]:
        """The meter says nothing ``to`` these bytes."""
        yield from self.write(raw)
        frames = yield from self.frames(self.silence_s)
        if frames:
            raise Failed(f"It answered {to} with {frames[0].control:02X}H.")

    def _is_unasked(self, frame: Frame) -> bool:
        reports = {REGISTRATION_DI, self.profile.push_di}
        return frame.control == 0x91 and len(frame.data) >= 4 and decode_di(frame.data) in reports

    # Questions

    def ask(self, question: Frame, raw: bytes | None = None) -> Talk[Frame]:
        """The frame that answers; ``raw`` are other bytes for the same question.

        :raises Failed: nothing came in time.
        """
        yield from self.write(self._connection.send(question) if raw is None else raw)
        return (yield from self.answer_to(question))

    def answer_to(self, question: Frame) -> Talk[Frame]:
        """As :meth:`ask` for a question that has left already."""
        until = self.now + timedelta(seconds=self.answer_s)
        while self.now < until:
            for event in (yield from self.listen((until - self.now).total_seconds())):
                if isinstance(event, FrameSeen) and matches(question, event.frame):
                    return event.frame
        raise Failed(f"No answer to {question.function:02X}H {question.di or ''}".rstrip() + ".")

    def read(self, di: str, address: str | None = None) -> Talk[ReadReply | Refused]:
        """A register, whatever number of frames it takes."""
        reading = LongRead(address or self.serial, di)
        while True:
            answer = yield from self.ask(reading.question)
            try:
                reply = reading.take(answer)
            except OutOfOrder:
                raise Failed(f"Its answer to {di} does not follow on the part before.") from None
            if reply is not None:
                return reply

    def value(self, di: str) -> Talk[Value]:
        """What a register holds.

        :raises Failed: refused, or bytes that are not what the register holds.
        """
        reply = yield from self.read(di)
        if isinstance(reply, Refused):
            raise Failed(f"It refused to tell {di}: {words(reply)}.")
        if reply.problem:
            raise Failed(f"{di} is not readable: {reply.problem}.")
        return reply.value

    def energy(self, di: str) -> Talk[Decimal]:
        """As :meth:`value` for a register of energy."""
        value = yield from self.value(di)
        if not isinstance(value, Decimal):
            raise Failed(f"{di} holds no energy but {value!r}.")
        return value

    def number(self, di: str) -> Talk[int]:
        """As :meth:`value` for a counter."""
        value = yield from self.value(di)
        if not isinstance(value, int):
            raise Failed(f"{di} holds no number but {value!r}.")
        return value

    def status(self) -> Talk[StatusWord3]:
        """Status word 3 of the profile."""
        value = yield from self.value(self.profile.status_di)
        if not isinstance(value, StatusWord3):
            raise Failed(f"{self.profile.status_di} holds no status word but {value!r}.")
        return value

    def is_open(self) -> Talk[bool]:
        """Whether the contact is open, by the profile's bit."""
        word = yield from self.status()
        return word.bit(self.profile.relay_bit)

    def clock(self) -> Talk[datetime]:
        """The meter's own time where it tells it, else ours in its zone; naive."""
        reply = yield from self.read(CLOCK_DI)
        if isinstance(reply, ReadReply) and isinstance(reply.value, datetime):
            return reply.value
        day = yield from self.read(DATE_DI)
        of_day = yield from self.read(TIME_DI)
        told = [reply.value if isinstance(reply, ReadReply) else None for reply in (day, of_day)]
        if isinstance(told[0], date) and isinstance(told[1], time):
            return datetime.combine(told[0], told[1])
        return self.local_now

    @property
    def local_now(self) -> datetime:
        """Our time in the meter's zone, naive."""
        return self.now.astimezone(ZoneInfo(self.profile.time_zone)).replace(tzinfo=None, microsecond=0)

    # Acts

    def accepted(self, question: Frame, what: str) -> Talk[Frame]:
        """Ask and be obeyed.

        :raises Failed: refused, or no answer.
        """
        answer = yield from self.ask(question)
        reply = parse_reply(answer)
        if not isinstance(reply, Accepted):
            raise Failed(f"It refused {what}: {words(reply)}.")
        return answer

    def refused(self, question: Frame, what: str, *names: str) -> Talk[None]:
        """Ask and be refused, with one of these names where any are given.

        :raises Failed: done, another name, or no answer.
        """
        reply = parse_reply((yield from self.ask(question)))
        if not isinstance(reply, Refused):
            raise Failed(f"It accepted {what}.")
        if names and not reply.error_names & set(names):
            raise Failed(f"It refused {what}, but as {words(reply)} instead of {' or '.join(names)}.")

    def switch(
        self, action: RelayAction | int, *, auth: Auth | None = None, valid_until: datetime | None = None
    ) -> Talk[Frame]:
        """The frame of a relay command, valid for ten minutes of the meter's own clock."""
        until = valid_until or (yield from self.clock()) + _VALID_FOR
        frame = relay_request(self.serial, RelayAction.TRIP, auth or self.profile.auth, until)
        return Frame(self.serial, frame.control, frame.data[:8] + bytes((int(action),)) + frame.data[9:])

    def light(self, on: bool) -> Talk[None]:
        """Close or open the contact where it is not so already; whether it obeys is not judged here."""
        if (yield from self.is_open()) == on:
            yield from self.spare_contact()
            action = self.profile.on_action if on else RelayAction.TRIP
            yield from self.ask((yield from self.switch(action)))

    def spare_contact(self) -> Talk[None]:
        """Before a movement: no more than a handful within a minute, as meters refuse to flap."""
        self._movements = [at for at in self._movements if self.now - at < _CONTACT_REST]
        if len(self._movements) >= _CONTACT_MOVES:
            yield from self.wait((self._movements[0] + _CONTACT_REST - self.now).total_seconds() + 1)
        self._movements.append(self.now)

    def purse(self) -> Talk[Purse]:
        """The counters as they stand."""
        profile = self.profile
        remaining = yield from self.energy(profile.remaining_di)
        total = yield from self.energy(profile.total_di)
        purchased = yield from self.energy(profile.purchased_di)
        return Purse(total, remaining, purchased, (yield from self.number(profile.count_di)))

    def credit(
        self,
        energy_kwh: Decimal,
        *,
        number: int,
        customer_no: str | None = None,
        order_no: str | None = None,
        serial: str | None = None,
    ) -> Talk[Frame]:
        """A credit in the model's layout; customer, order and meter are the right ones unless given."""
        profile = self.profile
        if profile.needs_customer_no and customer_no is None:
            customer_no = str((yield from self.value(profile.customer_di)))
        order_no = order_no or self.next_order()
        frame = credit_frame(profile, serial or self.serial, energy_kwh, number, customer_no, order_no)
        return Frame(self.serial, frame.control, frame.data)

    def next_order(self) -> str:
        """An order number nobody used before: the second it is, and one more digit each."""
        self._orders += 1
        return f"{self.local_now:%Y%m%d%H%M%S}{self._orders % 100:02d}"

    def room(self, energy_kwh: Decimal) -> Talk[None]:
        """Whether the meter may hold so much more; a credit that would be refused for it proves nothing."""
        reply = yield from self.read("04000F03")
        if isinstance(reply, ReadReply) and isinstance(reply.value, Decimal):
            remaining = yield from self.energy(self.profile.remaining_di)
            if remaining + energy_kwh > reply.value:
                raise Unjudged(f"{remaining} kWh leave no room below the hoarding limit {reply.value} kWh")


def moved_by(before: Purse, after: Purse, energy_kwh: Decimal) -> str:
    """ "" when the counters moved by one credit of ``energy_kwh`` and nothing else; "unmoved" is zero of none.

    What the household drew meanwhile is in the total, so that total + remaining only grows by credits.
    """
    gained = after.total_kwh + after.remaining_kwh - before.total_kwh - before.remaining_kwh
    credits = 1 if energy_kwh else 0
    if abs(gained - energy_kwh) > DRAWN_MEANWHILE_KWH:
        return f"The balance moved by {gained} kWh instead of {energy_kwh}."
    if after.purchased_kwh - before.purchased_kwh != energy_kwh:
        moved = after.purchased_kwh - before.purchased_kwh
        return f"The purchased energy moved by {moved} kWh instead of {energy_kwh}."
    if after.count - before.count != credits:
        return f"The purchase count moved by {after.count - before.count} instead of {credits}."
    return ""


def words(reply: Reply) -> str:
    """A refusal by its names, anything else by its bytes."""
    if isinstance(reply, Refused):
        return f"{', '.join(sorted(reply.error_names)) or 'no reason'} ({reply.raw.hex(' ').upper()})"
    raw: bytes = getattr(reply, "raw", b"")
    return f"{type(reply).__name__} {raw.hex(' ').upper()}".rstrip()
