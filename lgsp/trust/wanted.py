"""Certificates about which somebody needs to know whether they were revoked: how gateways tell the one process that fetches.

A folder with a file for each certificate: its path in PEM, from itself to the anchor. When a file changed last is when it was
asked for last. Only certificates with a path to an anchor come here, so strangers cannot fill it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lgsp.durable import make_folder, replace_file
from lgsp.trust.store import fingerprint

MOST = 10_000


@dataclass(frozen=True, slots=True)
class Want:
    """`chain`: from the certificate to its anchor. `asked_at_s`: Unix time."""

    chain: tuple[x509.Certificate, ...]
    asked_at_s: float


class WantedFolder:
    """Blocking. What a power cut takes away is asked for again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ask(self, chain: Sequence[x509.Certificate]) -> None:
        """Raises OSError."""
        path = self._folder / f"{fingerprint(chain[0])}.pem"
        try:
            os.utime(path)
        except FileNotFoundError:
            make_folder(self._folder.absolute())
            replace_file(path, b"".join(one.public_bytes(Encoding.PEM) for one in chain))

    def asked_since(self, time_s: float) -> list[Want]:
        """In the order in which they were asked for. The oldest beyond MOST are forgotten. Raises OSError."""
        files = sorted((path.stat().st_mtime, path) for path in self._folder.glob("[!.]*.pem"))
        for _, path in files[:-MOST]:
            path.unlink(missing_ok=True)
        return [
            want for asked_at_s, path in files[-MOST:] if asked_at_s > time_s and (want := _read(path, asked_at_s)) is not None
        ]


def _read(path: Path, asked_at_s: float) -> Want | None:
    try:
        return Want(tuple(x509.load_pem_x509_certificates(path.read_bytes())), asked_at_s)
    except (FileNotFoundError, ValueError):  # not ours to judge: whoever needs it asks again
        return None
