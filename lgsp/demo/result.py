"""What came of a day: the checks, and the figures beside them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from statistics import median, quantiles
from typing import Any

from lgsp.demo.check import Check, first_copies, passed, verify
from lgsp.demo.ledger import Ledger
from lgsp.demo.letter_checks import verify_letters
from lgsp.demo.postal_checks import verify_account


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds; None when nothing was measured."""

    median_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """`took_s` from opening to the last arrival; accept: sent to receipt; end to end: sent to the recipient's system."""

    day: date
    seed: int
    cases: int
    messages: int
    deliveries: int
    took_s: float
    accept: Latency
    end_to_end: Latency

    @property
    def messages_per_s(self) -> float:
        return self.messages / self.took_s if self.took_s else 0.0

    @property
    def deliveries_per_s(self) -> float:
        return self.deliveries / self.took_s if self.took_s else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """`case_number`: the case that was followed, worth a look afterwards. `trouble`: why the day was broken off, if it was."""

    checks: tuple[Check, ...]
    figures: Figures
    case_number: str | None
    trouble: str = ""

    @property
    def passed(self) -> bool:
        return passed(self.checks) and not self.trouble

    @property
    def exit_code(self) -> int:
        return 0 if self.passed else 1

    def plain(self) -> dict[str, Any]:
        """For machines: JSON-ready."""
        figures = asdict(self.figures) | {
            "day": self.figures.day.isoformat(),
            "messages_per_s": round(self.figures.messages_per_s, 1),
            "deliveries_per_s": round(self.figures.deliveries_per_s, 1),
        }
        return {
            "passed": self.passed,
            "trouble": self.trouble,
            "case_number": self.case_number,
            "figures": figures,
            "checks": [asdict(check) for check in self.checks],
        }


def result_of(ledger: Ledger, *, day: date, seed: int, trouble: str = "") -> DemoResult:
    """The verdict on what the ledger holds."""
    evidence, expected = ledger.evidence, ledger.plan.expectations
    firsts = first_copies(evidence.arrivals)
    return DemoResult(
        checks=(
            *verify(expected, evidence),
            *verify_letters(expected, evidence),
            *verify_account(expected, evidence.account),
        ),
        figures=Figures(
            day=day,
            seed=seed,
            cases=expected.cases,
            messages=len(evidence.answers),
            deliveries=len(firsts),
            took_s=round(ledger.now_s, 3),
            accept=latency_of([answer.took_s for answer in evidence.answers]),
            end_to_end=latency_of([arrival.took_s for arrival in firsts if arrival.took_s is not None]),
        ),
        case_number=None if ledger.case is None else ledger.case.number,
        trouble=trouble,
    )


def latency_of(seconds: Sequence[float]) -> Latency:
    """Median and 99th percentile."""
    if len(seconds) < 2:
        only = round(seconds[0] * 1000, 1) if seconds else None
        return Latency(only, only)
    return Latency(round(median(seconds) * 1000, 1), round(quantiles(seconds, n=100, method="inclusive")[98] * 1000, 1))
