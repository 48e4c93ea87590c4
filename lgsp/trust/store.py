"""Whom this hub trusts, for which purpose: a folder of certificates, one file each, that people can read.

    anchors/documents/3f2a….pem        who vouches for those who sign documents
    anchors/time-stamps/91bc….pem      who vouches for time-stamp authorities, and for nothing else
    anchors/intermediates/77d0….pem    authorities below these: known, not trusted

A file is a certificate in PEM under a few lines for people (RFC 7468, section 5.2, lets text stand before it). Any *.pem that
is put there counts, whoever put it: several machines get the same folder as they get the same settings.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from lgsp.durable import make_folder, replace_file, sync_folder
from lgsp.errors import LgspError
from signing.paths import Anchors

Purpose = Literal["documents", "time-stamps", "intermediates"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
_MAX_BYTES = 1024 * 1024
_SAID = re.compile(r"^(Added|By|Note): (.*)$", re.MULTILINE)
_BEGIN = b"-----BEGIN CERTIFICATE-----"


class TrustUnreadable(LgspError):
    """A file of the folder cannot be read, or holds no certificate; the text names it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A certificate and what is said of it. `added`, `by`, `note` are empty for files that nobody added by command."""

    purpose: Purpose
    certificate: x509.Certificate
    path: Path
    added: str = ""
    by: str = ""
    note: str = ""

    @property
    def sha256(self) -> str:
        return fingerprint(self.certificate)


@dataclass(frozen=True, slots=True)
class Trusted:
    """Everything in the folder. `stamp`: differs when a file was added, changed or removed."""

    kept: tuple[Kept, ...] = ()
    stamp: tuple[tuple[str, int, int], ...] = field(default=(), repr=False)

    def of(self, purpose: Purpose) -> tuple[x509.Certificate, ...]:
        return tuple(one.certificate for one in self.kept if one.purpose == purpose)

    @property
    def documents(self) -> Anchors:
        return Anchors(self.of("documents"), self.of("intermediates"))

    @property
    def time_stamps(self) -> Anchors:
        return Anchors(self.of("time-stamps"), self.of("intermediates"))

    @property
    def authorities(self) -> tuple[x509.Certificate, ...]:
        """All of them, as issuers of lists and answers."""
        return tuple(one.certificate for one in self.kept)


class TrustStore:
    """The folder. Blocking. A folder that is not there is empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """Cheap enough to be asked every second."""
        found = ((path, path.stat()) for path in self._files())
        return tuple(sorted((str(path), one.st_mtime_ns, one.st_ino) for path, one in found))

    def load(self) -> Trusted:
        """Raises TrustUnreadable."""
        try:
            stamp = self.stamp()
            kept = tuple(one for path in self._files() for one in _read(path))
        except OSError as error:
            raise TrustUnreadable(f"{error.filename}: {error.strerror}") from error
        return Trusted(kept, stamp)

    def add(self, certificate: x509.Certificate, purpose: Purpose, *, at: datetime, by: str, note: str) -> Path:
        """On disk when it returns. Adding what is there replaces what is said of it. Raises OSError."""
        path = self.folder / "anchors" / purpose / f"{fingerprint(certificate)[:40]}.pem"
        make_folder(path.parent.absolute())
        replace_file(path, _written(certificate, at, by, note).encode())
        path.chmod(0o644)  # no secret, and the hub may be another user than who adds
        return path

    def remove(self, one: Kept) -> None:
        """Gone for good when it returns; a file with several certificates goes as a whole. Raises OSError."""
        one.path.unlink()
        sync_folder(one.path.parent)

    def _files(self) -> Iterator[Path]:
        for purpose in PURPOSES:
            yield from sorted((self.folder / "anchors" / purpose).glob("[!.]*.pem"))


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the whole certificate, hexadecimal."""
    return certificate.fingerprint(SHA256()).hex()


def read_certificates(octets: bytes) -> tuple[x509.Certificate, ...]:
    """PEM with one or more, or DER with one. Raises ValueError."""
    if len(octets) > _MAX_BYTES:
        raise ValueError("too large for certificates")
    if _BEGIN in octets:
        return tuple(x509.load_pem_x509_certificates(octets))
    return (x509.load_der_x509_certificate(octets),)


def find(kept: Iterable[Kept], sha256: str) -> list[Kept]:
    """By the beginning of the fingerprint, written with or without colons."""
    wanted = sha256.replace(":", "").lower()
    return [one for one in kept if wanted and one.sha256.startswith(wanted)]


def _read(path: Path) -> Iterator[Kept]:
    purpose = path.parent.name
    assert purpose in PURPOSES
    octets = path.read_bytes()
    try:
        certificates = read_certificates(octets)
    except ValueError as error:
        raise TrustUnreadable(f"{path}: no certificate in PEM ({error})") from None
    said = {name.lower(): text for name, text in _SAID.findall(octets.partition(_BEGIN)[0].decode(errors="replace"))}
    for one in certificates:
        yield Kept(purpose, one, path, **said)


def _written(certificate: x509.Certificate, at: datetime, by: str, note: str) -> str:
    lines = {
        "Subject": certificate.subject.rfc4514_string(),
        "SHA-256": fingerprint(certificate),
        "Ends": certificate.not_valid_after_utc.isoformat(),
        "Added": at.isoformat(timespec="seconds"),
        "By": by,
        "Note": note,
    }
    text = "".join(f"{name}: {_one_line(value)}\n" for name, value in lines.items() if value)
    return text + certificate.public_bytes(Encoding.PEM).decode()


def _one_line(text: str) -> str:
    """Names in certificates are their owners' text, and must not end up as lines of ours."""
    return "".join(one if one.isprintable() else " " for one in text).replace("-----", " ")
