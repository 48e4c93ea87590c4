"""What a seed stands for: who takes part, how they are set up, what they send, and what goes wrong when. All of it is drawn here,
before anything runs; what is left to chance later (latencies, which answer is lost) comes from the same seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from lgsp.core.directory import Agency, Grant, Subscription
from lgsp.core.hold import EVERYBODY, THE_DOOR
from lgsp.settings import Settings

ADAPTER = "partner"
HUB = AgencyCode("HUB")

Trouble = Literal[
    "kill",  # SIGKILL, `amount` callbacks after the moment
    "kill in call",  # SIGKILL in the middle of the next call of `what`
    "stop",  # SIGTERM, a graceful stop
    "pause",  # SIGSTOP
    "clock",  # its clock is wrong by `amount` seconds
    "cut",  # its connection to the broker breaks
    "journal away",
    "journal shaky",  # calls fail before or after their commit, or take long, with probability `amount`
    "broker away",
    "broker wiped",  # restarts with empty queues; an operator lets everything be published again
    "broker shaky",  # confirmations lost, refs stored twice or not at all, with probability `amount`
    "partner bad",  # one partner answers in the way `what`
    "partner moves",  # its old address answers 410 Gone
    "partner pulls",  # it has no address any more and looks into its mailbox
    "maintenance",  # an operator announces one, of an agency, of pushing or of the door
    "replay",  # an operator replays the dead letters, `amount` a second
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    at_s: float
    trouble: Trouble
    victim: str = ""  # a process or a partner; "": everybody
    for_s: float = 0.0
    amount: float = 0.0
    what: str = ""

    def __str__(self) -> str:
        words = [f"{self.at_s:7.2f} s", self.trouble, self.victim, self.what]
        if self.amount:
            words.append(f"x {self.amount:.4g}")
        if self.for_s:
            words.append(f"for {self.for_s:.2f} s")
        return " ".join(word for word in words if word)


Says = Literal["progress", "document", "recall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`says`: progress of a case, an official document, or that the case's document is taken back. `twice`: sent again after its
    receipt came. `life_s`: how long after it was made it expires. `withdrawn_s`: how long after its receipt its sender takes it
    back by a plain word."""

    message_id: str
    sender: AgencyCode
    recipients: tuple[AgencyCode, ...]
    order_key: str
    priority: int
    life_s: float | None
    twice: bool
    withdrawn_s: float | None
    says: Says = "progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Messages that are sent one after the other, each (or each batch) when the one before has its receipt."""

    starts_s: float
    pause_s: float
    batch: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    seed: int
    embedded: bool
    processes: tuple[tuple[str, tuple[str, ...]], ...]  # name, roles
    settings: Settings
    agencies: tuple[Agency, ...]
    refusing: float  # the share of deliveries that are refused for good
    thinks_s: float  # how long partners take over each delivery
    absent: frozenset[str]  # nobody ever looks into the mailboxes of these; what they are sent expires
    cases: tuple[Case, ...]
    faults: tuple[Fault, ...]
    peace_s: float  # from here on nothing goes wrong any more
    replays_at_last: bool  # when all is at rest, an operator replays what is dead


Maker = Callable[[Random, float, Sequence[str], Sequence[str]], Fault]

BAD_WAYS = ("hang", "slow", "error", "retry after", "no answer", "mixed")
CALLS = ("accept", "settle", "hydrate", "mark_queued", "take_due", "publish", "deliver")


def draw_plan(seed: int) -> Plan:
    chance = Random(seed)
    embedded = chance.random() < 0.25
    processes = _processes(chance, embedded)
    agencies = tuple(_agency(chance, number) for number in range(chance.choice((2, 3, 3, 4))))
    absent = frozenset(
        one.code for one in agencies if one.endpoint is None and one.wants_status == "none" and not one.subscriptions
    )
    peace_s = chance.choice((8.0, 15.0, 25.0))
    cases = tuple(_case(chance, number, agencies, absent, peace_s) for number in range(chance.choice((2, 3, 4, 6))))
    names = [name for name, _ in processes]
    faults = _faults(chance, names, [agency.code for agency in agencies if agency.endpoint is not None], embedded, peace_s)
    wiped = any(fault.trouble == "broker wiped" for fault in faults)
    return Plan(
        seed=seed,
        embedded=embedded,
        processes=processes,
        settings=_settings(chance, wiped),
        agencies=agencies,
        refusing=chance.choice((0.0, 0.0, 0.1, 0.3)),
        thinks_s=chance.choice((0.0, 0.0, 0.4)),
        absent=absent,
        cases=cases,
        faults=faults,
        peace_s=peace_s,
        replays_at_last=chance.random() < 0.3,
    )


def _processes(chance: Random, embedded: bool) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if embedded:
        return (("hub", ("gateway", "worker")),)
    gateways = [(f"gateway{n}", ("gateway",)) for n in range(chance.choice((1, 1, 2)))]
    workers = [(f"worker{n}", ("worker",)) for n in range(chance.choice((1, 2, 2, 3)))]
    return (*gateways, *workers)


def _settings(chance: Random, wiped: bool) -> Settings:
    """Where the broker forgets nothing, nothing may be stuck in it: nobody looks for such before the run is over."""
    return Settings(
        hub_code=HUB,
        broker_shards=chance.choice((1, 2, 4)),
        intake_capacity=chance.choice((6, 20, 100)),
        commit_batch=chance.choice((1, 2, 5, 50)),
        worker_concurrency=chance.choice((2, 3, 8)),
        prefetch=chance.choice((1, 4, 16)),
        retry_schedule_s=chance.choice(((0.5, 1.0), (1.0, 2.0, 4.0), (0.2, 0.2, 0.2, 0.2, 5.0))),
        retry_max_age_s=chance.choice((6.0, 60.0, 1000.0)),
        breaker_failures=chance.choice((1, 2, 4, 100)),
        breaker_probes_s=chance.choice(((0.5, 1.0), (1.0, 2.0, 5.0))),
        ready_lease_s=chance.choice((3.0, 6.0, 12.0)),
        stuck_after_s=20.0 if wiped else 3600.0,
        sweep_interval_s=chance.choice((0.5, 1.0, 2.0)),
        sweep_batch=chance.choice((1, 5, 100)),
        publish_timeout_s=2.0,
        journal_timeout_s=3.0,
        shutdown_grace_s=chance.choice((2.0, 8.0)),
    )


def _agency(chance: Random, number: int) -> Agency:
    code = AgencyCode(f"H01.{number + 1}")
    pushed = chance.random() < 0.75
    endpoint = Endpoint(
        adapter=ADAPTER,
        url=f"sim://{code}/0",
        timeout_s=chance.choice((1.0, 3.0, 6.0)),
        max_in_flight=chance.choice((1, 2, 8)),
        retry_schedule_s=chance.choice((None, None, (1.0, 1.0))),
    )
    return Agency(
        code=code,
        name_vi=f"Cơ quan {number + 1}",
        grants=(Grant(kinds=("*",)),),
        endpoint=endpoint if pushed else None,
        ordered=chance.random() < 0.85,
        wants_status=chance.choice(("none", "failures", "all")),
        subscriptions=(Subscription(kinds=("case.*",)),) if chance.random() < 0.1 else (),
    )


def _case(chance: Random, number: int, agencies: Sequence[Agency], absent: frozenset[str], peace_s: float) -> Case:
    """A flood is many messages to one recipient, each a case of its own."""
    sender = chance.choice(agencies).code
    usual = chance.sample([agency.code for agency in agencies], chance.choice((1, 1, 2)))
    flood = chance.random() < 0.04
    messages = []
    for place in range(chance.choice((12, 24)) if flood else chance.choice((1, 2, 3, 5))):
        to = usual if flood or chance.random() < 0.8 else [chance.choice(agencies).code]
        messages.append(
            Message(
                message_id=f"m{number}.{place}",
                sender=sender,
                recipients=tuple(to),
                order_key=f"case {number}.{place}" if flood else f"case {number}",
                priority=chance.choice((0, 0, 0, 3)),
                life_s=chance.choice((4.0, 15.0)) if absent.intersection(to) or chance.random() < 0.08 else None,
                twice=chance.random() < 0.1,
                withdrawn_s=chance.choice((0.0, 0.01, 1.0, 5.0)) if chance.random() < 0.08 else None,
            )
        )
    if len(messages) > 1 and not flood and chance.random() < 0.2:
        first = messages[0] = replace(messages[0], says="document")
        messages[-1] = replace(messages[-1], says="recall", recipients=first.recipients, life_s=first.life_s)
    return Case(
        starts_s=chance.uniform(0, peace_s * 0.7),
        pause_s=0.0 if flood else chance.choice((0.0, 0.0, 0.3, 2.0)),
        batch=5 if flood else chance.choice((1, 1, 2, 5)),
        messages=tuple(messages),
    )


def _faults(chance: Random, names: Sequence[str], partners: Sequence[str], embedded: bool, peace_s: float) -> tuple[Fault, ...]:
    """Often in bursts, and then often to the same process: what stands one fault may not stand the next at once."""
    makers = _makers(chance, bool(partners), embedded)
    faults: list[Fault] = []
    for _ in range(chance.choice((0, 2, 4, 6, 9))):
        burst = faults and chance.random() < 0.5
        at_s = faults[-1].at_s + chance.uniform(0.0, 2.5) if burst else chance.uniform(0.2, peace_s)
        fault = chance.choice(makers)(chance, min(at_s, peace_s), names, partners)
        if burst and chance.random() < 0.6 and {fault.victim, faults[-1].victim} <= set(names):
            fault = replace(fault, victim=faults[-1].victim)
        faults.append(fault)
        if fault.trouble == "cut" and chance.random() < 0.4:
            faults.append(replace(_kill(chance, at_s + chance.uniform(0.5, 4.0), names, partners), victim=fault.victim))
    return tuple(sorted(faults, key=lambda fault: fault.at_s))


def _makers(chance: Random, partners: bool, embedded: bool) -> list[Maker]:
    """In most worlds anything may go wrong, in some only what leaves certain promises without an excuse."""
    bad_partners: list[Maker] = [_partner, _partner, _partner, _moves, _moves] if partners else []
    world = chance.random()
    if world < 0.1:
        return [_stop]
    if world < 0.2 and bad_partners:
        return bad_partners
    processes: list[Maker] = [_kill, _kill, _kill_in_call, _kill_in_call, _kill_in_call, _stop, _pause, _clock]
    operators: list[Maker] = [_shut, _shut, _replay, *([_pulls, _maintenance, _maintenance] if partners else [])]
    servers: list[Maker] = [_journal, _journal, *([] if embedded else [_cut, _cut, _broker, _broker, _broker])]
    return [*processes, *operators, *servers, *bad_partners]


def _kill(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    steps = chance.choice((0, chance.randint(1, 40), chance.randint(1, 400)))
    return Fault(at_s=at_s, trouble="kill", victim=chance.choice(names), amount=steps, for_s=chance.choice((0.2, 1.0, 5.0)))


def _kill_in_call(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    what, victim, for_s = chance.choice(CALLS), chance.choice(names), chance.choice((0.2, 1.0, 5.0))
    return Fault(at_s=at_s, trouble="kill in call", victim=victim, what=what, amount=chance.randint(0, 12), for_s=for_s)


def _stop(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    return Fault(at_s=at_s, trouble="stop", victim=chance.choice(names), for_s=chance.choice((0.1, 1.0)))


def _pause(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    return Fault(at_s=at_s, trouble="pause", victim=chance.choice(names), for_s=chance.choice((0.5, 4.0, 10.0)))


def _clock(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    by_s = chance.choice((-30.0, -5.0, 5.0, 30.0, 90.0))
    return Fault(at_s=at_s, trouble="clock", victim=chance.choice(names), amount=by_s, for_s=chance.choice((1.0, 5.0)))


def _cut(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    return Fault(at_s=at_s, trouble="cut", victim=chance.choice(names), for_s=chance.choice((0.1, 1.0, 4.0)))


def _journal(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    victim = chance.choice(("", *names))
    for_s = chance.choice((1.0, 3.0, 6.0, 24.0))
    if chance.random() < 0.3:
        return Fault(at_s=at_s, trouble="journal away", victim=victim, for_s=for_s)
    return Fault(at_s=at_s, trouble="journal shaky", victim=victim, for_s=for_s, amount=chance.choice((0.1, 0.3, 0.6)))


def _broker(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    for_s = chance.choice((1.0, 3.0, 6.0))
    match chance.choice(("broker away", "broker wiped", "broker shaky", "broker shaky")):
        case "broker away":
            return Fault(at_s=at_s, trouble="broker away", for_s=for_s)
        case "broker wiped":
            return Fault(at_s=at_s, trouble="broker wiped", for_s=for_s)
        case _:
            return Fault(at_s=at_s, trouble="broker shaky", for_s=for_s, amount=chance.choice((0.2, 0.6)))


def _partner(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    way, for_s = chance.choice(BAD_WAYS), chance.choice((2.0, 6.0, 20.0))
    return Fault(at_s=at_s, trouble="partner bad", victim=chance.choice(partners), what=way, for_s=for_s)


def _moves(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    return Fault(at_s=at_s, trouble="partner moves", victim=chance.choice(partners), for_s=chance.choice((0.5, 4.0, 8.0)))


def _pulls(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    return Fault(at_s=at_s, trouble="partner pulls", victim=chance.choice(partners))


def _maintenance(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    """`amount` 1: it was announced until when, and ends by itself."""
    return _in_maintenance(chance, at_s, chance.choice(partners))


def _shut(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    return _in_maintenance(chance, at_s, chance.choice((EVERYBODY, THE_DOOR)))


def _in_maintenance(chance: Random, at_s: float, whose: str) -> Fault:
    for_s = chance.choice((1.0, 4.0, 8.0))
    return Fault(at_s=at_s, trouble="maintenance", victim=whose, for_s=for_s, amount=chance.randint(0, 1))


def _replay(chance: Random, at_s: float, names: Sequence[str], partners: Sequence[str]) -> Fault:
    return Fault(at_s=at_s, trouble="replay", amount=chance.choice((0.0, 0.5, 3.0)))
