"""What a reader of PDF says of each signature: what crosses the border between the process that reads and the one that judges."""

from dataclasses import dataclass
from enum import StrEnum

CADES, CMS, TIME_STAMP = "/ETSI.CAdES.detached", "/adbe.pkcs7.detached", "/ETSI.RFC3161"
FORMATS = frozenset({CADES, CMS, TIME_STAMP})


class After(StrEnum):
    """What was added to the file behind the revision that was signed, at most."""

    NOTHING = "nothing"
    EVIDENCE = "evidence"  # certificates, CRLs, OCSP answers, time-stamps, invisible signatures: nothing is seen of them
    SIGNATURES = "signatures"  # signatures, also such as are seen on a page
    MORE = "more"  # anything else


@dataclass(frozen=True, slots=True)
class Finding:
    """One signature that the document's form leads to.

    `contents_sha256`: of its value, padding and all; `object_at`: where its object begins; `format`: its SubFilter; `permitted`:
    whether what was added is, by DocMDP of this signer; `claimed_at`: /M as written; `why`: the reader's words about a change.
    """

    name: str
    byte_range: tuple[int, int, int, int]
    contents_sha256: bytes
    object_at: int
    format: str
    after: After
    permitted: bool
    claimed_at: str
    why: str
