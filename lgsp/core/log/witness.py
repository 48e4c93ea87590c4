"""What a witness answers: a decision over what it last cosigned and what it was sent (C2SP tlog-witness, add-checkpoint). Pure.

A witness holds one thing against a log: that it never shows one tree to some and another tree to others. All it needs is the
largest checkpoint that it cosigned of each log, and never to cosign one that does not continue it.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence

import msgspec

from lgsp.core.log.checkpoint import Checkpoint, parse_checkpoint
from lgsp.core.log.merkle import EMPTY_ROOT, ProofInvalid, check_consistency
from lgsp.core.log.note import NoteInvalid, NoteVerifier, open_note, parse_note

MAX_REQUEST_BYTES = 128 * 1024  # a note may carry sixteen signatures, post-quantum ones of 5 kB among them
MAX_PROOF_HASHES = 63
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})")
_HASH_BYTES = 32


class Malformed(ValueError):
    """Not a request of tlog-witness: 400."""


class Submission(msgspec.Struct, frozen=True):
    """`note`: a checkpoint as its log signed it. `proof`: of consistency between `old_size` and the checkpoint."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes


class Cosign(msgspec.Struct, frozen=True):
    """It continues what was seen; `note` is to be kept before the cosignature leaves the house."""

    checkpoint: Checkpoint
    note: bytes


class Refuse(msgspec.Struct, frozen=True, kw_only=True):
    """`status` of HTTP, `code` and words for people; `known_size`: what a log needs to send the right proof (409).

    `fork`: the log signed another tree of the size that was cosigned: its signature under both shows it to anybody.
    """

    status: int
    code: str
    vi: str
    en: str
    known_size: int | None = None
    origin: str = ""
    fork: bool = False


Logs = Mapping[str, Sequence[NoteVerifier]]  # by origin, the keys under which that log signs
Latest = Mapping[str, Checkpoint]  # by origin, what was cosigned last


def parse_submission(octets: bytes) -> Submission:
    """Of the body of a request. Raises Malformed."""
    head, blank, note = octets.partition(b"\n\n")
    if not blank:
        raise Malformed("no empty line before the checkpoint")
    first, *proof = head.split(b"\n")
    old = _OLD.fullmatch(first)
    if old is None:
        raise Malformed("the first line is not 'old' and a size")
    if len(proof) > MAX_PROOF_HASHES:
        raise Malformed(f"{len(proof)} lines of proof, {MAX_PROOF_HASHES} allowed")
    return Submission(int(old[1]), tuple(map(_hash, proof)), note)


def decide(sent: Submission, logs: Logs, latest: Latest) -> Cosign | Refuse:
    """In the order of the specification: who says it, what was known, whether it continues that. Raises Malformed."""
    origin = _origin(sent.note)
    if origin not in logs:
        return Refuse(status=404, code="log_unknown", vi="Không theo dõi nhật ký này", en="This log is not witnessed here")
    checkpoint = _checkpoint(sent.note)
    try:
        open_note(sent.note, logs[origin])
    except NoteInvalid as error:
        vi, en = "Không có chữ ký hợp lệ của nhật ký", f"Not signed by the log: {error}"
        return Refuse(status=403, code="signature_invalid", vi=vi, en=en, origin=origin)
    return _continued(sent, checkpoint, latest.get(origin) or Checkpoint(origin, 0, EMPTY_ROOT))


def _continued(sent: Submission, checkpoint: Checkpoint, known: Checkpoint) -> Cosign | Refuse:
    if sent.old_size > checkpoint.size:
        raise Malformed(f"old size {sent.old_size} is larger than the checkpoint's, {checkpoint.size}")
    if checkpoint.size == known.size and checkpoint.root != known.root:
        vi, en = "Nhật ký đã ký một cây khác cùng kích thước", "The log signed another tree of this size"
        return _conflict("tree_forked", vi, en, known, fork=True)
    if sent.old_size != known.size:
        vi, en = f"Đã xác nhận đến {known.size} mục", f"Cosigned up to {known.size} entries"
        return _conflict("size_differs", vi, en, known)
    try:
        _check_proof(sent, checkpoint, known)
    except ProofInvalid as error:
        vi, en = "Chứng minh nhất quán không đúng", f"The proof of consistency does not hold: {error}"
        return Refuse(status=422, code="proof_invalid", vi=vi, en=en, origin=known.origin)
    return Cosign(checkpoint, sent.note)


def _check_proof(sent: Submission, checkpoint: Checkpoint, known: Checkpoint) -> None:
    """From nothing, and to the same tree, there is nothing to prove, and nothing may be given. Raises ProofInvalid."""
    if known.size in (0, checkpoint.size):
        if sent.proof:
            raise ProofInvalid("there is nothing to prove, and a proof")
        return
    check_consistency(known.size, known.root, checkpoint.size, checkpoint.root, sent.proof)


def _conflict(code: str, vi: str, en: str, known: Checkpoint, *, fork: bool = False) -> Refuse:
    return Refuse(status=409, code=code, vi=vi, en=en, known_size=known.size, origin=known.origin, fork=fork)


def _origin(note: bytes) -> str:
    try:
        return note.partition(b"\n")[0].decode()
    except UnicodeDecodeError:
        raise Malformed("the checkpoint is not UTF-8") from None


def _checkpoint(note: bytes) -> Checkpoint:
    """Whoever signed it."""
    try:
        return parse_checkpoint(parse_note(note)[0])
    except NoteInvalid as error:
        raise Malformed(str(error)) from None


def _hash(line: bytes) -> bytes:
    try:
        octets = base64.b64decode(line, validate=True)
    except binascii.Error:
        raise Malformed("a line of the proof is not base64") from None
    if len(octets) != _HASH_BYTES or base64.b64encode(octets) != line:
        raise Malformed("a line of the proof is not a hash in base64")
    return octets
