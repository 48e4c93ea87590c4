"""The agencies' seals: every envelope of the demo is signed by its sender."""

from pathlib import Path

from contracts.envelope import Envelope
from lgsp.core.signatures.sealing import key_of_pem, sealed
from signing.local_key import LocalKey


class Seals:
    """Keys from the folder of the sandbox, read when they are first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[str, LocalKey] = {}

    def sealed(self, envelope: Envelope, by: str | None = None) -> Envelope:
        """`by`: code of another agency than the sender, to show what comes of it."""
        return sealed(envelope, self._key(by or envelope.sender))

    def _key(self, code: str) -> LocalKey:
        if code not in self._keys:
            seal = self._folder / "agencies" / code / "seal"
            self._keys[code] = key_of_pem(seal.with_suffix(".key").read_bytes(), seal.with_suffix(".pem").read_bytes())
        return self._keys[code]
