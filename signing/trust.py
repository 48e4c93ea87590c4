"""What a verification trusts, for which purpose, and what it knows of revocation: one frozen value, replaced as a whole."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from signing.memory import Key, remember
from signing.paths import NO_ANCHORS, Anchors, unchecked
from signing.report import Path, Revocation, RevocationCheck, Signer, TimeStamp, Trust
from signing.revocation import DEFAULT_GRACE, Grace, look_up
from signing.snapshot import NO_SNAPSHOT, RevocationSnapshot

_REMEMBERED = 4096


class Standing(msgspec.Struct, frozen=True):
    """Where a signer's certificate stands: its path, and whether anything on it was revoked."""

    path: Path
    revocation: RevocationCheck | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """A standing that was found, and the times of check that it holds for."""

    path: Path
    revocation: RevocationCheck
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class TrustBase:
    """`documents`: anchors for those who sign; `time_stamps`: anchors for time-stamp authorities, which sign nothing else;
    `stamp_policies`: under which they have to issue, dotted, any when empty; `snapshot`: what is known of revocation; `grace`:
    how old that may be.

    Standings are remembered as long as the same look would say the same. Another snapshot makes another value, which remembers
    nothing yet: `dataclasses.replace`.
    """

    documents: Anchors = NO_ANCHORS
    time_stamps: Anchors = NO_ANCHORS
    stamp_policies: frozenset[str] = frozenset()
    snapshot: RevocationSnapshot = field(default=NO_SNAPSHOT, repr=False)
    grace: Grace = DEFAULT_GRACE
    _known: dict[Key, _Known] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def version(self) -> str:
        """Of anchors and policy, in hexadecimal: what a verdict was given by. The evidence has a version of its own."""
        stated = repr((self.documents.version, self.time_stamps.version, sorted(self.stamp_policies), self.grace))
        return hashlib.sha256(stated.encode()).hexdigest()

    def standing(self, signer: Signer, others: tuple[Signer, ...], at: datetime, stamp: TimeStamp | None = None) -> Standing:
        """`others`: certificates that came along, as hints. `at`: time of the check; with a `stamp` its time counts."""
        if stamp is not None:
            return self._at_stamp(signer, others, at, stamp)
        key: Key = (signer.der, *[one.der for one in others]) if others else (signer.der,)
        known = self._known.get(key)
        if known is not None and known.begins <= at <= known.ends:
            return Standing(Path(Trust.TRUSTED, at, known.path.chain), known.revocation)
        path = self._path(signer, others, at)
        if path.trust is not Trust.TRUSTED:
            return Standing(path)
        found = look_up(path.chain, self.snapshot, at, self.grace)
        ends = min(found.until, *[one.not_valid_after_utc for one in path.chain])
        remember(self._known, key, _Known(path, found.check, at, ends), _REMEMBERED)
        return Standing(path, found.check)

    def _at_stamp(self, signer: Signer, others: tuple[Signer, ...], at: datetime, stamp: TimeStamp) -> Standing:
        """A path has to hold when the signature is known to have existed, whatever became of it since.

        The stamp is as good as its authority: while nobody knows whether that was revoked, the stamp adds nothing to what can be
        said without it.
        """
        path = self._path(signer, others, stamp.at)
        if path.trust is not Trust.TRUSTED:
            return Standing(path)
        found, of_stamp = look_up(path.chain, self.snapshot, at, self.grace, stamp.at).check, stamp.revocation_check
        if found.state is not Revocation.GOOD:
            return Standing(path, found)
        if of_stamp is not None and of_stamp.state is Revocation.GOOD:
            return Standing(path, replace(found, evidence=(*found.evidence, *of_stamp.evidence)))
        without = self.standing(signer, others, at)
        if without.revocation is not None and without.revocation.state is Revocation.GOOD:
            return without
        return Standing(path, RevocationCheck(Revocation.UNKNOWN, refusal=None if of_stamp is None else of_stamp.refusal))

    def _path(self, signer: Signer, others: tuple[Signer, ...], at: datetime) -> Path:
        return self.documents.path(signer, others, at) if self.documents.certificates else unchecked(at)


NO_TRUST = TrustBase()
