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
from signing.report import Trust
from signing.trust import TrustBase


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
        names = found.report.signer.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)
        return [one.value for one in names] == [f"GOVVN-{envelope.sender}"]

    def _key(self, code: str) -> LocalKey:
        if code not in self._keys:
            seal = self._folder / "agencies" / code / "seal"
            self._keys[code] = key_of_pem(seal.with_suffix(".key").read_bytes(), seal.with_suffix(".pem").read_bytes())
        return self._keys[code]
