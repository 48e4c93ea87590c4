"""Who signs for an agency: its certificates and keys, as the directory keeps them."""

from datetime import date
from typing import Literal

import msgspec

from signing.binding import Holder, Registered

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
    jwk: dict[str, str] = {}
    issuer_sha256: str = ""
    name: str = ""
    title: str = ""
    capacity: Capacity = ""
    on_behalf_of: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    expires_on: date | None = None  # of the certificate, where it was given whole: for reminders

    def registered(self) -> Registered:
        """As the verifier compares it."""
        return Registered(
            holder=Holder(self.holder),
            certificate=bytes.fromhex(self.certificate_sha256),
            subject=tuple(sorted(self.subject.items())),
            issuer=bytes.fromhex(self.issuer_sha256),
            capacity=self.capacity,
            name=self.name,
            title=self.title,
            on_behalf_of=self.on_behalf_of,
            begins=self.valid_from,
            ends=self.valid_to,
        )
