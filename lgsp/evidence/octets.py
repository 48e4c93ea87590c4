"""The octets themselves: the envelope as it was received, its body, its attachments, each by its digest."""

import hashlib
from collections.abc import Iterator

from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.wire import parse
from lgsp.evidence.asic import Opened
from lgsp.evidence.findings import Finding, State
from lgsp.evidence.manifest import Message

MAX_ENVELOPE_BYTES = 256 * 2**20


def check_envelope(one: Message, opened: Opened) -> tuple[Envelope | None, list[Finding]]:
    """The envelope, if it is the one whose digest the manifest states. Raises NotCanonical, KeyError."""
    where = f"{one.sender}/{one.message_id}"
    if one.erased or not one.envelope:
        return None, [Finding(what="envelope", state=State.NOT_HERE, place=where)]
    try:
        envelope = parse(opened.octets(one.envelope, MAX_ENVELOPE_BYTES))
    except ContractError as error:
        return None, [_wrong("envelope", one.envelope, f"{error.code} {error.detail}")]
    if envelope.digest() != one.digest or (envelope.sender, envelope.message_id) != (AgencyCode(one.sender), one.message_id):
        return None, [_wrong("envelope", one.envelope, "not the envelope that was accepted")]
    if (opened.octets(one.body, MAX_ENVELOPE_BYTES) if one.body else b"") != envelope.body:
        return None, [_wrong("envelope", one.body, "not the body of the envelope")]
    stated = [(file.name, file.digest, file.size_bytes, file.media_type) for file in one.attachments]
    if stated != [(file.name, file.digest, file.size_bytes, file.media_type) for file in envelope.attachments]:
        return None, [_wrong("attachment", where, "other attachments than the envelope names")]
    return envelope, [Finding(what="envelope", state=State.FITS, place=where, detail=one.digest)]


def check_attachments(one: Message, opened: Opened) -> Iterator[Finding]:
    """Each by its size and digest. Raises NotCanonical, KeyError."""
    for file in one.attachments:
        if not file.file:
            yield Finding(what="attachment", state=State.NOT_HERE, place=file.name or file.digest, detail=file.digest)
            continue
        running = hashlib.sha256()
        for piece in opened.pieces(file.file):
            running.update(piece)
        fits = (f"sha256:{running.hexdigest()}", opened.size_bytes(file.file)) == (file.digest, file.size_bytes)
        state, told = State.FITS if fits else State.WRONG, f"{file.name} {file.digest}".strip()
        yield Finding(what="attachment", state=state, place=file.file, detail=told)


def _wrong(what: str, place: str, detail: str) -> Finding:
    return Finding(what=what, state=State.WRONG, place=place, detail=detail)
