"""The container: ASiC-E with CAdES (EN 319 162-1, 4.4), one ASiCManifest over every file and one seal over the manifest.

CAdES and not XAdES: the manifest is written by us and compared octet for octet, so checking a container needs no XML reader.
A hub without certificate seals by a statement (JWS) under the key that signs its receipts, which programs for ASiC do not know.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import IO, NamedTuple

from lgsp.evidence import zip_form
from lgsp.evidence.zip_form import Entry, NotCanonical

MEDIA_TYPE = "application/vnd.etsi.asic-e+zip"
MIMETYPE = "mimetype"
MANIFEST = "META-INF/ASiCManifest.xml"
CADES_SEAL, JWS_SEAL = "META-INF/signature.p7s", "META-INF/statement.jws"
_SEALS: Mapping[str, str] = MappingProxyType({CADES_SEAL: "application/pkcs7-signature", JWS_SEAL: "application/jose"})
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".json": "application/json", ".xml": "application/xml", ".pdf": "application/pdf", ".jws": "application/jose",
        ".cer": "application/pkix-cert", ".crl": "application/pkix-crl", ".ors": "application/ocsp-response",
        ".tst": "application/timestamped-data", ".pem": "application/x-pem-file", ".txt": "text/plain",
    }
)  # fmt: skip
_OTHERS = "application/octet-stream"
MAX_SEAL_BYTES = 64 * 1024


class File(NamedTuple):
    """One that the seal covers. `sha256`: of its content."""

    name: str
    sha256: bytes


class Container:
    """A bundle being written, to an empty `file` that can be sought in. `seal` completes it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zip_form.Writer(file)
        self._files: list[File] = []
        self._zip.add(MIMETYPE, (MEDIA_TYPE.encode(),))

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """Raises TooLarge."""
        running = hashlib.sha256()
        self._zip.add(name, _hashed(pieces, running.update))
        self._files.append(File(name, running.digest()))

    def manifest(self, seal: str) -> bytes:
        """What is to be signed. `seal`: CADES_SEAL or JWS_SEAL."""
        return manifest_of(self._files, seal)

    def seal(self, name: str, octets: bytes) -> None:
        """`octets`: the signature over `manifest(name)`."""
        self._zip.add(MANIFEST, (self.manifest(name),))
        self._zip.add(name, (octets,))
        self._zip.close()


class Opened:
    """A container every octet of which has its place; whose seal it bears is not judged here. `seal`: name of the seal."""

    def __init__(self, file: IO[bytes]) -> None:
        """Reads all of it. Raises NotCanonical."""
        self._file = file
        entries = zip_form.read(file)
        if len(entries) < 3 or entries[0].name != MIMETYPE or self._octets(entries[0], 100) != MEDIA_TYPE.encode():
            raise NotCanonical("not a container of the kind ASiC-E")
        *covered, manifest, seal = entries[1:]
        if manifest.name != MANIFEST or seal.name not in _SEALS:
            raise NotCanonical("the manifest or the seal is missing at the end")
        self._by_name = {one.name: one for one in covered}
        self.seal = seal.name
        self.files = tuple(File(one.name, self._digest(one)) for one in covered)
        self.manifest = manifest_of(self.files, seal.name)
        if self._octets(manifest, len(self.manifest)) != self.manifest:
            raise NotCanonical(f"{MANIFEST} does not fit the files that are here")
        self.seal_octets = self._octets(seal, MAX_SEAL_BYTES)

    def size_bytes(self, name: str) -> int:
        """Raises KeyError."""
        return self._by_name[name].size_bytes

    def pieces(self, name: str) -> Iterable[bytes]:
        """Raises KeyError."""
        return zip_form.content(self._file, self._by_name[name])

    def octets(self, name: str, max_bytes: int) -> bytes:
        """Raises KeyError; NotCanonical for more than is to be held."""
        return self._octets(self._by_name[name], max_bytes)

    def _octets(self, entry: Entry, max_bytes: int) -> bytes:
        if entry.size_bytes > max_bytes:
            raise NotCanonical(f"{entry.name}: {entry.size_bytes} bytes, at most {max_bytes} are looked at")
        return b"".join(zip_form.content(self._file, entry))

    def _digest(self, entry: Entry) -> bytes:
        running = hashlib.sha256()
        for piece in zip_form.content(self._file, entry):
            running.update(piece)
        return running.digest()


def manifest_of(files: Sequence[File], seal: str) -> bytes:
    """ASiCManifest (EN 319 162-1, A.4) in the only form that is accepted. Nothing in a name has to be escaped."""
    rows = "".join(map(_row, files))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">\n'
        f'<asic:SigReference URI="{seal}" MimeType="{_SEALS[seal]}"/>\n{rows}</asic:ASiCManifest>\n'
    ).encode("ascii")


def _row(one: File) -> str:
    kind = _TYPES.get(PurePosixPath(one.name).suffix, _OTHERS)
    return (
        f'<asic:DataObjectReference URI="{one.name}" MimeType="{kind}">'
        f'<ds:DigestMethod Algorithm="{_SHA256}"/><ds:DigestValue>{b64encode(one.sha256).decode()}</ds:DigestValue>'
        "</asic:DataObjectReference>\n"
    )


def _hashed(pieces: Iterable[bytes], update: Callable[[bytes], None]) -> Iterable[bytes]:
    for piece in pieces:
        update(piece)
        yield piece
