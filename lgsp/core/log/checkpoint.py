"""Checkpoints: which tree a log says it has, as a signed note (C2SP tlog-checkpoint). A log's key is named after its origin."""

import re
from base64 import b64encode
from collections.abc import Iterable

import msgspec

from lgsp.core.log.merkle import EMPTY_ROOT, HASH_BYTES, MAX_SIZE
from lgsp.core.log.note import Note, NoteInvalid, NoteVerifier, Sign, Signed, decode_base64, open_note, sign_note

MAX_EXTENSIONS = 32
_CONTROL = re.compile("[\x00-\x1f\ud800-\udfff]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class Checkpoint(msgspec.Struct, frozen=True):
    """The tree of `size` leaves of the log `origin` has this root. `extensions`: lines nobody can audit. Raises NoteInvalid."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not all((self.origin, *self.extensions)) or any(_CONTROL.search(one) for one in (self.origin, *self.extensions)):
            raise NoteInvalid("a line of a checkpoint is not empty and has no control characters")
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_BYTES:
            raise NoteInvalid("not the size and root of a tree")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise NoteInvalid("a tree without leaves has another root")
        if len(self.extensions) > MAX_EXTENSIONS:
            raise NoteInvalid(f"more than {MAX_EXTENSIONS} extension lines")

    @property
    def lines(self) -> tuple[str, ...]:
        return (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)

    @property
    def text(self) -> str:
        """What is signed."""
        return "".join(f"{line}\n" for line in self.lines)


class SignedCheckpoint(msgspec.Struct, frozen=True):
    """`note`: as it was read. `cosigned`: by whom else of those who were asked about, with the time each states."""

    checkpoint: Checkpoint
    note: str
    log: NoteVerifier
    cosigned: tuple[Signed, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        return frozenset(one.by.name for one in self.cosigned)


def parse_checkpoint(text: str) -> Checkpoint:
    """Of the text of a note, whoever signed it. Raises NoteInvalid."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop():
        raise NoteInvalid("a checkpoint has at least three lines: origin, size, root")
    origin, size, root, *extensions = lines
    return Checkpoint(origin, parse_decimal(size), decode_base64(root), tuple(extensions))


def parse_decimal(text: str) -> int:
    """A size or index as ASCII digits without leading zeroes. Raises NoteInvalid."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise NoteInvalid("not a number, or too large")
    return int(text)


def sign_checkpoint(checkpoint: Checkpoint, log: NoteVerifier, sign: Sign) -> str:
    """The signed note. `log`: of the key that signs. Raises NoteInvalid when the key is of another log."""
    if log.name != checkpoint.origin:
        raise NoteInvalid(f"the key of {log.name} does not sign for {checkpoint.origin}")
    return sign_note(checkpoint.text, log, sign)


def open_checkpoint(octets: bytes | str, log: NoteVerifier | str, others: Iterable[NoteVerifier | str] = ()) -> SignedCheckpoint:
    """`log`, `others`: keys, or their texts. Raises NoteInvalid unless the log signed it, it is of this log, and every signature
    in the name of one of the others holds."""
    key = _verifier(log)
    note = open_note(octets, [key, *map(_verifier, others)])
    if key not in (one.by for one in note.signed):
        raise NoteInvalid(f"not signed by {key.name}")
    return _of_log(octets, note, key)


def open_by_any(
    octets: bytes | str, keys: Iterable[NoteVerifier | str], others: Iterable[NoteVerifier | str] = ()
) -> SignedCheckpoint:
    """As `open_checkpoint`: a log that changed its key over has several keys, and one of them will do."""
    problem = NoteInvalid("no key of the log was given")
    others = tuple(others)
    for key in keys:
        try:
            return open_checkpoint(octets, key, others)
        except NoteInvalid as error:
            problem = error
    raise problem


def _of_log(octets: bytes | str, note: Note, log: NoteVerifier) -> SignedCheckpoint:
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != log.name:
        raise NoteInvalid(f"a checkpoint of {checkpoint.origin}, signed by the key of {log.name}")
    cosigned = tuple(one for one in note.signed if one.by != log)
    return SignedCheckpoint(checkpoint, octets if isinstance(octets, str) else octets.decode(), log, cosigned)


def _verifier(key: NoteVerifier | str) -> NoteVerifier:
    return NoteVerifier.of(key) if isinstance(key, str) else key
