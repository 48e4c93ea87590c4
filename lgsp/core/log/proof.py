"""A proof that an entry is in a log, whole in itself: number, hashes and signed checkpoint in one text (C2SP tlog-proof)."""

from base64 import b64encode
from collections.abc import Iterable

import msgspec

from lgsp.core.log.checkpoint import SignedCheckpoint, open_checkpoint, parse_decimal
from lgsp.core.log.merkle import HASH_BYTES, MAX_HASHES, check_inclusion, leaf_hash
from lgsp.core.log.note import MAX_NOTE_BYTES, NoteInvalid, NoteVerifier, decode_base64

MAX_PROOF_BYTES = MAX_NOTE_BYTES + 100_000
_MAGIC = "c2sp.org/tlog-proof@v1"
_EXTRA, _INDEX = "extra ", "index "


class LogProof(msgspec.Struct, frozen=True):
    """`hashes`: from the leaf's neighbour up. `checkpoint`: the signed note. `extra`: for the application, signed by nobody."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""

    @property
    def text(self) -> str:
        extra = [_EXTRA + b64encode(self.extra).decode()] if self.extra else []
        lines = (_MAGIC, *extra, f"{_INDEX}{self.index}", *(b64encode(one).decode() for one in self.hashes))
        return "\n".join((*lines, "", self.checkpoint))

    def verify(self, entry: bytes, log: NoteVerifier | str, others: Iterable[NoteVerifier | str] = ()) -> SignedCheckpoint:
        """That the log has `entry`, as the checkpoint says and who cosigned it. `log`, `others`: as for `open_checkpoint`.
        Raises NoteInvalid for the checkpoint, ProofInvalid for the rest."""
        signed = open_checkpoint(self.checkpoint, log, others)
        check_inclusion(self.index, signed.checkpoint.size, signed.checkpoint.root, leaf_hash(entry), self.hashes)
        return signed


def parse_proof(text: str) -> LogProof:
    """Whether it proves anything only `verify` says. Raises NoteInvalid for what is not exactly of this form."""
    if len(text) > MAX_PROOF_BYTES:
        raise NoteInvalid(f"a proof has at most {MAX_PROOF_BYTES} characters")
    head, blank, checkpoint = text.partition("\n\n")
    magic, *lines = head.split("\n", MAX_HASHES + 3)
    if magic != _MAGIC or not blank:
        raise NoteInvalid(f"a proof begins with {_MAGIC} and has a checkpoint behind an empty line")
    extra = decode_base64(lines.pop(0).removeprefix(_EXTRA)) if lines and lines[0].startswith(_EXTRA) else b""
    if not lines or not lines[0].startswith(_INDEX):
        raise NoteInvalid("a proof says the index of its entry")
    if len(lines) > 1 + MAX_HASHES:
        raise NoteInvalid(f"a proof has at most {MAX_HASHES} hashes")
    return LogProof(parse_decimal(lines[0].removeprefix(_INDEX)), tuple(map(_hash, lines[1:])), checkpoint, extra)


def _hash(line: str) -> bytes:
    octets = decode_base64(line)
    if len(octets) != HASH_BYTES:
        raise NoteInvalid(f"a hash has {HASH_BYTES} bytes")
    return octets
