"""Rows that follow from envelopes: how they are found, who may read which files, which octets verdicts rest on."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec
from cryptography import x509
from cryptography.x509 import ocsp

from lgsp.core.audit.finding import Finding, finding
from lgsp.core.log.record import salted
from lgsp.journal.acceptance import access_rows
from lgsp.journal.audit.rows import KeptAccess, KeptEnvelope, KeptFileOf
from lgsp.journal.audit.scratch import Scratch
from lgsp.journal.codec import Header, decode_examination


class Upload(NamedTuple):
    """The last leaf that tells of it."""

    agency: str
    at: int


class Derived:
    """What is expected of five tables, envelope by envelope; then compared with what is there."""

    def __init__(self) -> None:
        self._identifiers = Scratch(("key", "sequence"), 2)
        self._access = Scratch(("digest", "agency", "size_bytes", "open"), 2)
        self._attached = Scratch(("digest", "sequence", "size_bytes"), 2)
        self._referred = Scratch(("digest",), 1)
        self._evidence = Scratch(("digest",), 1)

    def envelope(self, row: KeptEnvelope, header: Header, recipients: Iterable[str], *, files_erased: bool) -> None:
        """Every party gets every file."""
        self._identifiers.add((identifier.key, row.sequence) for identifier in header.all_identifiers)
        access = access_rows(header.attachments, (row.sender, *recipients))
        self._access.add((*one, not files_erased) for one in access)
        self._attached.add({(one.digest, row.sequence, one.size_bytes) for one in access})
        if not files_erased:
            self._referred.add({(one.digest,) for one in access})

    def examination(self, document: bytes) -> None:
        """What cannot be read differs from its leaf, which is said there."""
        try:
            examination = decode_examination(document)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        self._evidence.add({(digest,) for one in examination.findings for digest in one.evidence})

    def identifiers(self, rows: Iterable[tuple[str, int]]) -> Iterator[Finding]:
        for expected, found in self._identifiers.beside(rows):
            if expected is None or found is None:
                key, sequence = found or expected or ("", 0)
                code = "row.unexpected" if expected is None else "row.missing"
                yield finding(code, "identifiers", f"key {key}, sequence {sequence}")

    def attached(self, rows: Iterable[KeptFileOf]) -> Iterator[Finding]:
        for expected, row in self._attached.beside(rows):
            digest, sequence, size_bytes = row or expected or ("", 0, 0)
            name = f"digest {digest}, sequence {sequence}"
            if expected is None or row is None:
                yield finding("row.unexpected" if expected is None else "row.missing", "attached", name)
            elif expected[2] != size_bytes:
                yield finding("row.inconsistent", "attached", name, "size_bytes", expected[2], size_bytes)

    def erased_files(self, rows: Iterable[tuple[str]]) -> Iterator[Finding]:
        """Nothing is deleted to which an envelope refers."""
        for expected, row in self._referred.beside(rows):
            if expected is not None and row is not None:
                yield finding("row.unexpected", "erased_files", f"digest {row[0]}")

    def file_access(self, rows: Iterable[KeptAccess], uploads: Mapping[str, Upload], has_older: bool) -> Iterator[Finding]:
        """`uploads`: by salted digest; each has its row. `has_older`: the journal is older than its log, which knows nothing of
        uploads before."""
        without_row = dict(uploads)
        for expected, row in self._access.beside(rows):
            if row is None:
                assert expected is not None
                yield finding("row.missing", "file_access", f"digest {expected[0]}, agency {expected[1]}")
                continue
            if row.salt is not None or row.uploaded_at is None or not has_older:
                yield from _access(row, expected, without_row)
        for told in without_row:
            yield finding("row.missing", "file_access", f"salted digest {told}")

    def evidence(self, rows: Iterable[tuple[str, str, bytes]]) -> Iterator[Finding]:
        for expected, row in self._evidence.beside(rows):
            if row is None:
                assert expected is not None
                yield finding("row.missing", "evidence", f"digest {expected[0]}")
                continue
            digest, what, octets = row
            if expected is None:
                yield finding("row.unexpected", "evidence", f"digest {digest}")
            if (does := "sha256:" + hashlib.sha256(octets).hexdigest()) != digest:
                yield finding("evidence.differs", "evidence", f"digest {digest}", "octets", digest, does)
            elif (is_one := what_is(octets)) != what:
                yield finding("row.inconsistent", "evidence", f"digest {digest}", "what", is_one, what)

    def close(self) -> None:
        for one in (self._identifiers, self._access, self._attached, self._referred, self._evidence):
            one.close()


def _access(row: KeptAccess, expected: tuple[object, ...] | None, without_row: dict[str, Upload]) -> Iterator[Finding]:
    name = f"digest {row.digest}, agency {row.agency}"
    if expected is not None and expected[3] and row.erased_at is not None:
        yield finding("row.inconsistent", "file_access", name, "erased_at", None, row.erased_at)
    if row.salt is None and row.uploaded_at is None:
        if expected is None:
            yield finding("row.unexpected", "file_access", name)
        elif expected[2] != row.size_bytes:
            yield finding("row.differs", "file_access", name, "size_bytes", expected[2], row.size_bytes)
        return
    told = salted(row.salt or b"", f"{row.digest} {row.size_bytes}".encode())
    upload = without_row.pop(told, None)
    if upload is None:
        yield finding("row.unexpected", "file_access", name, "digest, size_bytes, salt", found=told)
    elif upload != (row.agency, row.uploaded_at):
        yield finding("row.differs", "file_access", name, "agency, uploaded_at", tuple(upload), (row.agency, row.uploaded_at))


def what_is(octets: bytes) -> str:
    """As `signing.report.Evidence.what` calls it."""
    for what, load in _FORMS.items():
        try:
            load(octets)
        except (ValueError, TypeError):
            continue
        return what
    return "timestamp"


_FORMS: Mapping[str, Callable[[bytes], object]] = {
    "certificate": x509.load_der_x509_certificate,
    "crl": x509.load_der_x509_crl,
    "ocsp": ocsp.load_der_ocsp_response,
}
