"""Who signs for an agency: its certificates and keys, as the directory keeps them."""

from datetime import date
from typing import Literal

import msgspec

Capacity = Literal["", "TM.", "KT.", "TL.", "TUQ.", "Q."]


class Signer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One registration. Exactly one of `certificate_sha256` (hex, of the DER), `subject` (what must stand in it, by attribute: O,
    OU, CN, UID, serialNumber, organizationIdentifier ...) and `jwk` (a public key without certificate, for envelopes signed as
    JWS).

    `issuer_sha256`: a certificate that must stand in the path, so that another authority cannot issue the same names.
    `capacity`: TM. thay mặt, KT. ký thay, TL. thừa lệnh, TUQ. thừa ủy quyền, Q. quyền (Decree 30/2020/NĐ-CP, article 13);
    `on_behalf_of`: the head or body signed for. `valid_from`, `valid_to`: days, both included.
    """

    holder: Literal["seal", "person"]
    certificate_sha256: str = ""
    subject: dict[str, str] = {}
    jwk: dict[str, str] = {}  # with its one "alg"
    issuer_sha256: str = ""
    name: str = ""
    title: str = ""
    capacity: Capacity = ""
    on_behalf_of: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    expires_on: date | None = None  # of the certificate, where it was given whole: for reminders

    def in_force(self, on: date) -> bool:
        return (self.valid_from or date.min) <= on <= (self.valid_to or date.max)
