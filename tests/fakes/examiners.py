"""Examiners for tests that are about something else."""

from collections.abc import Callable, Sequence
from datetime import datetime

from contracts.envelope import Envelope
from lgsp.core.signatures.places import SignedFile
from lgsp.core.signatures.policy import policy
from lgsp.flow.examination import Examiner, FileReport
from signing.trust import NO_TRUST, TrustBase


def indifferent(clock: Callable[[], datetime]) -> Examiner:
    """Trusts nobody, looks into no file, refuses nothing: verdicts are kept."""
    return Examiner(policy(enforced=False), lambda: NO_TRUST, _no_files, lambda report: None, clock)


async def _no_files(files: Sequence[SignedFile], envelope: Envelope, trust: TrustBase, at: datetime) -> Sequence[FileReport]:
    return ()
