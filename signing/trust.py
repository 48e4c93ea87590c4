"""What a verification trusts, for which purpose, and what it knows of revocation: one frozen value, replaced as a whole."""

from dataclasses import dataclass
from datetime import datetime

from signing.paths import NO_ANCHORS, Anchors, unchecked
from signing.report import Path, RevocationCheck, Signer, TimeStamp


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a signer's certificate stands: its path, and whether anything on it was revoked."""

    path: Path
    revocation: RevocationCheck | None = None


@dataclass(frozen=True, slots=True)
class TrustBase:
    """`documents`: anchors for those who sign; `time_stamps`: anchors for time-stamp authorities, which sign nothing else."""

    documents: Anchors = NO_ANCHORS
    time_stamps: Anchors = NO_ANCHORS

    def standing(self, signer: Signer, others: tuple[Signer, ...], at: datetime, stamp: TimeStamp | None = None) -> Standing:
        """`others`: certificates that came along, as hints. `at`: time of the check; with a `stamp` its time counts."""
        if not self.documents.certificates:
            return Standing(unchecked(at))
        return Standing(self.documents.path(signer, others, at if stamp is None else stamp.at))


NO_TRUST = TrustBase()
