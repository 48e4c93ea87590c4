"""Codes of agencies: what they look like and how one becomes the other.

Four schemes meet on the bus and none can be derived from another with certainty, so a code is compared as opaque text and the
directory holds the aliases:

- `qd20`: Decision 20/2020/QĐ-TTg, top down, at most 35 characters of `.`, `0-9`, `A-Z`: "H01.15.20".
- `qcvn102`: QCVN 102:2016, bottom up, groups `VVV.ZZ.YY.Mnn`: "000.00.15.H01"; short forms circulate ("00.15.H01").
- `tax`: an enterprise's registration (tax) code, 10 digits, branches with "-001".
- `opaque`: everything else that is printable, e.g. "vxp.saas.03".
"""

import re
from typing import Literal, NewType

from contracts.errors import ContractError

AgencyCode = NewType("AgencyCode", str)
Scheme = Literal["qd20", "qcvn102", "tax", "opaque"]

MAX_CODE_CHARS = 50
_QD20 = re.compile(r"[A-Z]\d{2}(?:\.[0-9A-Z]+)*")
_QCVN102 = re.compile(r"(?:\d{3}\.)?(?:\d{2}\.){1,2}[A-Z]\d{2}")
_TAX = re.compile(r"\d{10}(?:-?\d{3})?")
_ALLOWED = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._\-]*[0-9A-Za-z])?")


def agency_code(text: str, field: str = "") -> AgencyCode:
    """The code without surrounding space. Case is kept: codes are case-sensitive.

    Raises ContractError "agency.code_malformed" for anything that no scheme could contain.
    """
    code = text.strip()
    if len(code) > MAX_CODE_CHARS or not _ALLOWED.fullmatch(code):
        raise ContractError("agency.code_malformed", field, f"{code[:60]!r} is not 1 to {MAX_CODE_CHARS} of A-Z a-z 0-9 . _ -")
    return AgencyCode(code)


def scheme_of(code: str) -> Scheme:
    """Which scheme the text looks like; only the directory knows which one it is."""
    if _QD20.fullmatch(code) and len(code) <= 35:
        return "qd20"
    if _QCVN102.fullmatch(code):
        return "qcvn102"
    return "tax" if _TAX.fullmatch(code) else "opaque"


def to_qd20(code: str) -> str | None:
    """The likely Decision 20/2020 form of a QCVN 102 code: groups reversed, all-zero groups dropped; None for other schemes.

    "000.00.15.H01" becomes "H01.15". A hint for people: the national agency list carries both codes and wins over computing.
    """
    if scheme_of(code) != "qcvn102":
        return None
    return ".".join(group for group in reversed(code.split(".")) if group.strip("0"))
