"""Partners that are slow, hang, break off, answer nonsense or fail."""

from pathlib import Path

from tests.crash.hub import embedded
from tests.crash.misfortunes import partners_misbehave
from tests.crash.partners import MANNERS
from tests.crash.run import Run
from tests.thorough import much


async def test_whatever_partners_do_nothing_is_lost_or_disordered_and_the_others_get_theirs(tmp_path: Path) -> None:
    """Each way to misbehave once; a delivery of which the hub knows too little comes again under its id."""
    run = Run("partners")
    await partners_misbehave(embedded(tmp_path), run, rounds=much(len(MANNERS) // 2, 2))
    print(run)
