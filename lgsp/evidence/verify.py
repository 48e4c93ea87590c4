"""Checks a bundle from its first octet to its last: no network, no hub, no clock but the one that is given."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO

import msgspec

from contracts.envelope import Envelope
from lgsp.core.log.record import Accepted, Record
from lgsp.core.signatures.finding import Examination
from lgsp.evidence import manifest
from lgsp.evidence.asic import MIMETYPE, Opened
from lgsp.evidence.checkpoints import check_checkpoint, check_stamps
from lgsp.evidence.entries import Committed, check_entries
from lgsp.evidence.findings import Finding, Proven, Result, ShownKey, State, Tree
from lgsp.evidence.given import Given
from lgsp.evidence.manifest import Manifest, Message, NoManifest
from lgsp.evidence.octets import check_attachments, check_envelope
from lgsp.evidence.receipts import Hub, check_jws_receipt, check_xml_receipt
from lgsp.evidence.rests_on import Material
from lgsp.evidence.seals import check_seal
from lgsp.evidence.signed import check_signatures
from lgsp.evidence.timeline import happenings
from lgsp.evidence.zip_form import NotCanonical

_BEGINS = b"PK\x03\x04"
_PIECE_BYTES = 2**20
_SMALL_BYTES = 4 * 2**20  # keys, receipts, examinations, tokens
_EXHIBIT_BYTES = 64 * 2**20
_FILE_BYTES = 2**30  # a signed attachment is held to be read

Shown = Finding | ShownKey


class Unreadable(ValueError):
    """Not a bundle of a format that is known here."""


def verify(file: IO[bytes], given: Given, now: datetime) -> Result:
    """`file`: can be sought in. Raises Unreadable, OSError."""
    file_sha256 = _sha256(file)
    if file.read(len(_BEGINS)) != _BEGINS:
        raise Unreadable("not an ASiC-E container")
    file.seek(0)
    try:
        opened = Opened(file)
        stated = _manifest(opened)
    except NotCanonical as error:
        return _broken(file_sha256, "container", str(error))
    return _Check(opened, stated, given, now).result(file_sha256)


def _sha256(file: IO[bytes]) -> str:
    running = hashlib.sha256()
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        running.update(piece)
    file.seek(0)
    return running.hexdigest()


def _manifest(opened: Opened) -> Manifest:
    """Raises NotCanonical, Unreadable."""
    names = {one.name for one in opened.files}
    if manifest.NAME not in names:
        raise Unreadable(f"there is no {manifest.NAME}: another kind of container")
    try:
        found = manifest.decode(opened.octets(manifest.NAME, manifest.MAX_MANIFEST_BYTES))
    except NoManifest as error:
        raise Unreadable(f"{manifest.NAME}: {error}") from None
    if manifest.files_of(found) != names:
        raise NotCanonical("other files than the manifest names")
    return found


def _broken(file_sha256: str, what: str, detail: str) -> Result:
    finding = Finding(what=what, state=State.WRONG, place=MIMETYPE, detail=detail)
    return Result.of(file_sha256, None, None, (finding,), (), ())


class _Check:
    """One bundle being checked."""

    def __init__(self, opened: Opened, stated: Manifest, given: Given, now: datetime) -> None:
        self._opened, self._stated, self._given, self._now = opened, stated, given, now
        self._proven: list[Proven] = []

    def result(self, file_sha256: str) -> Result:
        found: list[Shown] = []
        tree: Tree | None = None
        try:
            hub = Hub.of(self._stated.hub, self._small(manifest.JWKS), self._vkeys(), self._given)
            found += [Finding(what="container", state=State.FITS, detail=f"{len(self._opened.files)}")]
            found += check_seal(self._opened, hub.code, hub.keys, self._given, self._now)
            tree, of_log = self._log()
            found += [*of_log, *self._exhibits()]
            for one in self._stated.messages:
                found += self._message(one, tree, hub)
        except (NotCanonical, KeyError, ValueError) as error:
            found.append(Finding(what="container", state=State.WRONG, place=manifest.NAME, detail=str(error)))
        findings = tuple(one for one in found if isinstance(one, Finding))
        keys = tuple(dict.fromkeys(one for one in found if isinstance(one, ShownKey)))
        return Result.of(file_sha256, self._stated, tree, findings, keys, tuple(self._proven))

    def _log(self) -> tuple[Tree | None, list[Shown]]:
        stated = self._stated
        if not stated.checkpoint:
            return None, [Finding(what="checkpoint", state=State.NOT_HERE)]
        note, vkeys = self._small(stated.checkpoint), self._vkeys()
        witnesses = self._small(manifest.WITNESSES) if manifest.WITNESSES in stated.keys else b""
        tree, found = check_checkpoint(note, vkeys, stated.origin, witnesses, self._given)
        tokens = [(name, self._small(name)) for name in stated.stamps]
        anchors = self._small(manifest.STAMP_ANCHORS) if manifest.STAMP_ANCHORS in stated.keys else b""
        return tree, [*found, *check_stamps(note, tokens, anchors, self._given, self._now)]

    def _exhibits(self) -> Iterator[Finding]:
        """Each is what its digest says."""
        for digest, name in self._stated.exhibits.items():
            found = hashlib.sha256(self._opened.octets(name, _EXHIBIT_BYTES)).hexdigest()
            if f"sha256:{found}" != digest:
                yield Finding(what="exhibit", state=State.WRONG, place=name, detail=digest)

    def _message(self, one: Message, tree: Tree | None, hub: Hub) -> Iterator[Shown]:
        envelope, of_envelope = check_envelope(one, self._opened)
        yield from of_envelope
        yield from check_attachments(one, self._opened)
        examined = self._small(one.examination) if one.examination else None
        committed = Committed(self._small(one.header) if one.header else None, examined)
        records, of_log = check_entries(one, tree, committed, whole=self._stated.view == "whole")
        yield from of_log
        yield from self._receipts(one, records, hub)
        examination = None if examined is None else msgspec.json.decode(examined, type=Examination)
        if examination is not None:
            yield from self._signatures(one, envelope, examination)
        self._proven.append(_proven(one, records))

    def _receipts(self, one: Message, records: Sequence[Record], hub: Hub) -> Iterator[Shown]:
        if not one.receipt and not one.receipt_xml:
            yield Finding(what="receipt", state=State.NOT_HERE, place=f"{one.sender}/{one.message_id}")
        if one.receipt:
            yield from check_jws_receipt(self._small(one.receipt), one, records, hub)
        if one.receipt_xml:
            yield from check_xml_receipt(self._small(one.receipt_xml), one, records, hub, self._now)

    def _signatures(self, one: Message, envelope: Envelope | None, examination: Examination) -> Iterator[Finding]:
        if envelope is None:
            for each in examination.findings:
                place = f"{one.sender}/{one.message_id}{each.place}"
                yield Finding(what="signature", state=State.NOT_HERE, place=place, detail=each.verdict)
            return
        yield from check_signatures(envelope, examination, self._material(one, examination), self._given)

    def _material(self, one: Message, examination: Examination) -> Material:
        names = {self._stated.exhibits[digest] for each in examination.findings for digest in each.evidence}
        octets = {name: self._opened.octets(name, _EXHIBIT_BYTES) for name in sorted(names)}
        attached = [each.file for each in one.attachments]
        return Material(
            certificates=tuple(value for name, value in octets.items() if name.endswith(".cer")),
            lists=tuple(value for name, value in octets.items() if name.endswith(".crl")),
            answers=tuple(value for name, value in octets.items() if name.endswith(".ors")),
            partners=one.partners,
            grace=self._stated.grace,
            octets=lambda index: self._opened.octets(attached[index], _FILE_BYTES) if attached[index] else None,
            pieces=lambda index: self._opened.pieces(attached[index]) if attached[index] else None,
        )

    def _vkeys(self) -> tuple[str, ...]:
        return tuple(self._small(manifest.LOG_KEY).decode().split()) if self._stated.checkpoint else ()

    def _small(self, name: str) -> bytes:
        return self._opened.octets(name, _SMALL_BYTES)


def _proven(one: Message, records: Sequence[Record]) -> Proven:
    accepted = next((each for each in records if isinstance(each, Accepted)), None)
    return Proven(
        sender=one.sender,
        message_id=one.message_id,
        kind="" if accepted is None else accepted.kind,
        accepted_at=one.accepted_at,
        verdict="" if accepted is None else accepted.verdict,
        timeline=happenings(one.leaves, records) if records else (),
    )
