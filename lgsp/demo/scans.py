"""Papers that travel as files: some cases bring one along, uploaded by their commune and fetched by everybody it is sent to."""

import hashlib
from dataclasses import dataclass
from functools import cache

from lgsp.demo.cases import PlannedCase

_LINES = 200


@dataclass(frozen=True, slots=True)
class Scan:
    """`digest` is "sha256:" and 64 hexadecimal digits."""

    name: str
    media_type: str
    octets: bytes
    digest: str


@cache
def scan_of(case: PlannedCase) -> Scan | None:
    """The file that the case brings along, a few tens of kilobytes; None for most cases. The same in every run of a plan."""
    if not case.has_scan:
        return None
    lines = (f"{case.number} · {case.procedure.name} · {case.applicant.name} · {place:03}\n" for place in range(_LINES))
    octets = "".join(lines).encode()
    return Scan("don-de-nghi.txt", "text/plain", octets, f"sha256:{hashlib.sha256(octets).hexdigest()}")
