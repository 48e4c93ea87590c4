"""Those outside who vouch for the log: witnesses, that it only grows; time-stamp authorities, that it was so at a time."""

from datetime import datetime
from typing import NamedTuple, Protocol

from lgsp.errors import LgspError


class NotVouched(LgspError):
    """What was asked for was not given. `code` says why, see `lgsp.trust.reasons`."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}".rstrip(": "))


class Cosigner(Protocol):
    """A witness. `name`: in the policy."""

    @property
    def name(self) -> str: ...

    async def cosign(self, note: str) -> str:
        """The verified line, or lines, to put below the note. Raises NotVouched, JournalUnavailable, and ProofInvalid where there
        is no proof that the log continues what the witness knows."""
        ...


class GivenStamp(NamedTuple):
    """A verified time-stamp: RFC 3161, DER."""

    token: bytes
    at: datetime


class StampAuthority(Protocol):
    """`name`: host and path of its address."""

    @property
    def name(self) -> str: ...

    async def stamp(self, octets: bytes) -> GivenStamp:
        """Over their SHA-256. Raises NotVouched."""
        ...
