"""What witnesses say of a checkpoint: at this time it continued all they saw of the log (C2SP tlog-cosignature, cosignature/v1).

Verifying one is `NoteVerifier.verify` of a key of type COSIGNATURE, which gives the time; `open_checkpoint` does it for a note.
"""

from collections.abc import Iterable

from lgsp.core.log.checkpoint import Checkpoint
from lgsp.core.log.note import (
    KeyType,
    NoteInvalid,
    NoteSignature,
    NoteVerifier,
    Sign,
    cosigned_message,
    format_note,
    parse_lines,
    parse_note,
    sign_line,
)


def cosign(checkpoint: Checkpoint, witness: NoteVerifier, time_s: int, sign: Sign) -> str:
    """The line to put below it. `witness`: of the key that signs; `time_s`: seconds since 1970. Raises NoteInvalid."""
    if witness.kind is not KeyType.COSIGNATURE:
        raise NoteInvalid(f"the key of {witness.name} is not one for cosignatures")
    signature = sign(cosigned_message(checkpoint.text, time_s))
    return sign_line(witness.name, witness.key_id, time_s.to_bytes(8) + signature)


def add_cosignatures(note: str, answer: str, witnesses: Iterable[NoteVerifier]) -> str:
    """The note with the lines of a witness's answer that are of one of these keys, in place of earlier ones of the same key.

    Lines of unknown keys are left out, as C2SP tlog-witness says. Raises NoteInvalid where one of a known key does not hold or is
    there twice, and where none is of a known key.
    """
    known = {(one.name, one.key_id): one for one in witnesses}
    text, before = parse_note(note)
    added: dict[tuple[str, bytes], NoteSignature] = {}
    for one in parse_lines(answer):
        key = (one.name, one.key_id)
        if key not in known:
            continue
        if key in added:
            raise NoteInvalid(f"{one.name} answered twice with one key")
        known[key].verify(text, one.signature)
        added[key] = one
    if not added:
        raise NoteInvalid("the answer is of no witness that is known")
    kept = (one for one in before if (one.name, one.key_id) not in added)
    return format_note(text, [sign_line(one.name, one.key_id, one.signature) for one in (*kept, *added.values())])
