"""One run: what chance decides in it, what was done to the hub, and what came of it."""

import os
import secrets
from collections import Counter
from random import Random

Toll = Counter[str]  # kind of fault -> how often


class Run:
    """`toll` grows while it goes on; `words` tell afterwards. LGSP_TEST_SEED repeats a run's decisions (not its timing)."""

    def __init__(self, name: str, seed: int | None = None) -> None:
        self.seed = int(os.environ.get("LGSP_TEST_SEED", "") or secrets.randbelow(10**6)) if seed is None else seed
        self.chance = Random(f"{name} {self.seed}")
        self.toll: Toll = Counter()
        self.words = ""
        print(f"{name}: seed {self.seed}; LGSP_TEST_SEED={self.seed} draws the same faults again", flush=True)

    def __str__(self) -> str:
        return f"{listed(self.toll)}; {self.words}"


def listed(toll: Toll) -> str:
    """The most frequent first."""
    return ", ".join(f"{number} x {kind}" for kind, number in toll.most_common()) or "nothing"
