"""The agencies' seals: every envelope of the demo is signed by its sender, and every recipient looks at that for itself."""

from datetime import UTC, datetime
from pathlib import Path

from cryptography.x509.oid import NameOID

from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.statement import TYPE, check_statement
from lgsp.core.signatures.sealing import key_of_pem, sealed
from signing.jws_partner import check_jws
from signing.local_key import LocalKey
from signing.paths import Anchors
from signing.profiles import EDXML
from signing.report import Signer, Trust
from signing.trust import TrustBase
from signing.verify import check
from signing.xml_sign import sign_enveloped


class Seals:
    """Keys from the folder of the sandbox, read when they are first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[str, LocalKey] = {}
        self._trust = TrustBase(documents=Anchors.of_pem((folder / "anchors/documents.pem").read_bytes()))

    def sealed(self, envelope: Envelope, by: str | None = None) -> Envelope:
        """`by`: code of another agency than the sender, to show what comes of it."""
        return sealed(envelope, self._key(by or envelope.sender))

    def proves(self, envelope: Envelope) -> bool:
        """What a recipient does who trusts the authority and not the hub: the seal is its sender's and fits the envelope."""
        if envelope.signature is None:
            return False
        found = check_jws(envelope.signature, typ=TYPE, keys=(), trust=self._trust, at=datetime.now(UTC))
        if found.payload is None or found.report.trust is not Trust.TRUSTED or found.report.signer is None:
            return False
        try:
            check_statement(found.payload, envelope)
        except ContractError:
            return False
        return _is_of(found.report.signer, envelope.sender)

    def sealed_packet(self, packet: bytes, by: str) -> bytes:
        """An edXML packet with the seal of `by` in its header."""
        return sign_enveloped(packet, self._key(by), datetime.now(UTC), EDXML)

    def proves_packet(self, packet: bytes, sender: str) -> bool:
        """The same for an official document: its seal is in the packet."""
        found = check(packet, EDXML, self._trust, datetime.now(UTC)).report
        return found.trust is Trust.TRUSTED and found.signer is not None and _is_of(found.signer, sender)

    def _key(self, code: str) -> LocalKey:
        if code not in self._keys:
            seal = self._folder / "agencies" / code / "seal"
            self._keys[code] = key_of_pem(seal.with_suffix(".key").read_bytes(), seal.with_suffix(".pem").read_bytes())
        return self._keys[code]


def _is_of(signer: Signer, code: str) -> bool:
    names = signer.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)
    return [one.value for one in names] == [f"GOVVN-{code}"]
