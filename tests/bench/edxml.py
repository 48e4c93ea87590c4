"""What edXML packets cost: reading one beside parsing it, and how long it takes until a packet that is broken or means harm is
refused. CPU time of one thread: a machine that is busy otherwise makes nothing look slow."""

import random
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial

from lxml import etree
from rich.console import Console

from contracts.agency import AgencyCode
from contracts.edxml.envelopes import Incoming, envelope_of
from contracts.edxml.read import read_packet
from contracts.edxml.slim import restored
from contracts.edxml.when import VIETNAM
from contracts.errors import ContractError
from tests.bench import report
from tests.bench.processes import BenchFailed
from tests.bench.report import Row, row
from tests.edxml_hostile import HOSTILE
from tests.edxml_packets import PDF, Said, java

REFUSED_MS = 50  # promised of every packet that is refused
_TAKE = partial(envelope_of, sender=AgencyCode("G22"), received_on=date(2026, 11, 28))
_HUB = ("H37", datetime(2026, 11, 28, 8, 0, tzinfo=VIETNAM))
_SIZES = {"4 KB": 2_000, "27 MB": 20_000_000}  # of the packet: bytes of its one file


def measure(rounds: int) -> list[Row]:
    """Raises BenchFailed for a hostile packet that is taken."""
    return [*(one for name, size_bytes in _SIZES.items() for one in _costs(name, size_bytes, rounds)), *_refusals(rounds)]


def show(console: Console, rows: Sequence[Row]) -> None:
    """The five that take longest to refuse, and what packets cost that are taken."""
    refusals = sorted((one for one in rows if one.metric == "refused"), key=lambda one: -one.value)
    report.print_rows(
        console, "edXML: what a packet costs", [one for one in rows if one.scenario == "edxml" and one not in refusals]
    )
    report.print_rows(console, f"Slowest of {len(refusals)} refusals; promised: {REFUSED_MS} ms", refusals[:5])


def check(rows: Sequence[Row]) -> None:
    """Raises BenchFailed."""
    slow = [one for one in rows if one.metric == "refused" and one.value > REFUSED_MS]
    if slow:
        raise BenchFailed(f"refused too slowly: {', '.join(f'{one.setup} ({one.value:.0f} ms)' for one in slow)}")


def _costs(name: str, size_bytes: int, rounds: int) -> list[Row]:
    octets = java(Said(files=(("cv.pdf", PDF + random.Random(1).randbytes(size_bytes)),)))
    taken = _TAKE(octets)
    steps: dict[str, Callable[[], object]] = {
        "parse": partial(etree.fromstring, octets, etree.XMLParser(huge_tree=True)),
        "read": partial(read_packet, octets),
        "to an envelope": partial(_TAKE, octets),
        "to a packet again": partial(_again, taken),
    }
    samples: dict[str, list[float]] = {step: [] for step in steps}
    for _ in range(rounds):
        for step, act in steps.items():
            samples[step].append(_cost_ms(act))
    return [row("edxml", name, step, "ms", found, samples["parse"], "parse") for step, found in samples.items()]


def _refusals(rounds: int) -> list[Row]:
    return [row("edxml", name, "refused", "ms", _refused(name, rounds)) for name in HOSTILE]


def _refused(name: str, rounds: int) -> list[float]:
    octets = HOSTILE[name][0]()
    return [_cost_ms(partial(_refuse, name, octets), least_s=0.0) for _ in range(rounds)]


def _refuse(name: str, octets: bytes) -> None:
    try:
        _TAKE(octets)
    except ContractError:
        return
    raise BenchFailed(f"taken, though it is hostile: {name}")


def _again(taken: Incoming) -> bytes:
    return restored(taken.envelope.body, taken.files, _HUB)


def _cost_ms(act: Callable[[], object], least_s: float = 0.05) -> float:
    """CPU milliseconds of one call, over as many calls as fill the time."""
    calls, started = 0, time.thread_time()
    while True:
        act()
        calls += 1
        spent = time.thread_time() - started
        if spent >= least_s:
            return spent / calls * 1000
