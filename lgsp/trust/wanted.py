"""Certificates about which somebody needs to know whether they were revoked: how gateways tell the one process that fetches.

A folder with a file for each certificate: its path in PEM, from itself to the anchor, written anew whenever it is asked for. Only
certificates with a path to an anchor come here, so strangers cannot fill it.
"""

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lgsp.trust.store import fingerprint

MOST = 10_000
_CLOCK_STEP_S = 2.0  # of file systems' time stamps, with some to spare

Chain = tuple[x509.Certificate, ...]


class WantedFolder:
    """Blocking. Not made to outlive a power cut: what that takes away is asked for again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder_changed_s = 0.0
        self._known: dict[Path, int] = {}

    def ask(self, chain: Sequence[x509.Certificate]) -> None:
        """Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{fingerprint(chain[0])}.pem"
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        draft.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        draft.replace(path)

    def news(self) -> list[Chain]:
        """What was asked for, or asked for again, since the last call; the first time everything, in the order of asking. The
        oldest beyond MOST are forgotten. Costs one look at the folder when there is nothing. Raises OSError."""
        try:
            changed_s = self._folder.stat().st_mtime
        except FileNotFoundError:
            return []
        if changed_s == self._folder_changed_s and time.time() - changed_s > _CLOCK_STEP_S:
            return []
        self._folder_changed_s = changed_s
        files = sorted((path.stat().st_mtime_ns, path) for path in self._folder.glob("[!.]*.pem"))
        for _, path in files[:-MOST]:
            path.unlink(missing_ok=True)
        new = [(path, changed_ns) for changed_ns, path in files[-MOST:] if self._known.get(path) != changed_ns]
        self._known = {path: changed_ns for changed_ns, path in files[-MOST:]}
        return [chain for path, _ in new if (chain := _read(path))]

    def forget(self, certificate: x509.Certificate) -> None:
        """Nobody needs to know any more. Raises OSError."""
        (self._folder / f"{fingerprint(certificate)}.pem").unlink(missing_ok=True)


def _read(path: Path) -> Chain:
    """Empty for what is none: whoever needs it asks again."""
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (FileNotFoundError, ValueError):
        return ()
