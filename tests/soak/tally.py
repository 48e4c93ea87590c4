"""What a soak has done so far, and what was broken: a line while it goes on, a table at its end."""

from collections import Counter
from dataclasses import dataclass, field

from tests.crash.run import Run

_KILL = "kill "


@dataclass(frozen=True, slots=True)
class Ended:
    """One run that is over. `violations`: promises that were broken, in words; None when it fell over before the verdict."""

    name: str
    run: Run
    took_s: float
    violations: tuple[str, ...] | None = ()

    @property
    def kept(self) -> bool:
        return self.violations == ()


@dataclass(slots=True)
class Tally:
    ended: list[Ended] = field(default_factory=list)

    def line(self, running: Run | None = None) -> str:
        """So far, the run under way included."""
        toll = self._toll(running)
        kills = ", ".join(f"{number} {kind.removeprefix(_KILL)}" for kind, number in toll.most_common() if kind.startswith(_KILL))
        others = sum(number for kind, number in toll.items() if not kind.startswith(_KILL))
        broken = f"{self.violations} violations, {self.fallen} runs fell over"
        return f"{_kills(toll)} kills ({kills or 'none'}), {others} other faults, {broken}"

    def table(self, seed: int) -> str:
        """Kinds of fault, then runs by kind, then what was broken and how to see it again."""
        toll = self._toll(None)
        rows = [f"{'fault':<32}{'times':>8}"] + [f"{kind:<32}{number:>8}" for kind, number in sorted(toll.items())]
        rows += [f"{'kills in all':<32}{_kills(toll):>8}", "", f"{'scenario':<32}{'runs':>8}{'kept':>8}{'seconds':>10}"]
        for name in dict.fromkeys(one.name for one in self.ended):
            runs = [one for one in self.ended if one.name == name]
            kept = sum(one.kept for one in runs)
            rows.append(f"{name:<32}{len(runs):>8}{kept:>8}{sum(one.took_s for one in runs):>10.0f}")
        rows += ["", f"seed {seed}: {len(self.ended)} runs, {self.violations} violations, {self.fallen} fell over"]
        rows += [
            f"  again: make soak ARGS=\"--only '{one.name}' --run-seed {one.run.seed}\"" for one in self.ended if not one.kept
        ]
        return "\n".join(rows)

    @property
    def violations(self) -> int:
        return sum(len(one.violations or ()) for one in self.ended)

    @property
    def fallen(self) -> int:
        """Runs without a verdict; what they would have found nobody knows."""
        return sum(one.violations is None for one in self.ended)

    def _toll(self, running: Run | None) -> Counter[str]:
        toll: Counter[str] = Counter()
        for run in (*(one.run for one in self.ended), *((running,) if running else ())):
            toll.update(run.toll)
        return toll


def _kills(toll: Counter[str]) -> int:
    return sum(number for kind, number in toll.items() if kind.startswith(_KILL))
