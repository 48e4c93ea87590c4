"""Signed notes: a text, an empty line, and a line for each signature (C2SP signed-note). Who reads one says which keys it knows.

Signatures of keys that the reader does not know are passed over, as the specification demands; of those it knows each must hold,
and stand there once. Two kinds of signature are known: plain Ed25519 and the time-stamped cosignature/v1 of witnesses.
"""

import re
from base64 import b64encode
from binascii import Error, a2b_base64
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from functools import lru_cache
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
MAX_TIME_S = 2**63 - 1  # C2SP tlog-cosignature, "Format"
_PUBLIC_BYTES, _SIGNATURE_BYTES, _KEY_ID_BYTES, _TIME_BYTES = 32, 64, 4, 8

_VKEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")  # and what UTF-8 cannot say
_LINE = re.compile(r"— ([^ ]+) ([A-Za-z0-9+/=]+)")

# Under a key of small order signatures hold for texts that nobody signed. Encoded y of such points, also unreduced, no sign.
_SMALL_ORDER = frozenset(
    bytes.fromhex(one)
    for one in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)

Sign = Callable[[bytes], bytes]  # Ed25519 over these octets: 64 bytes


class NoteInvalid(ValueError):
    """Not a note, not signed by whom it should be, or no key."""


class KeyType(IntEnum):
    """The byte that tells what a key signs and how: C2SP signed-note, "Signature types"."""

    ED25519 = 0x01
    COSIGNATURE = 0x04  # a statement of a time before the text: C2SP tlog-cosignature


class NoteVerifier(msgspec.Struct, frozen=True):
    """A key that is known: whose it is, and the 32 bytes of Ed25519 (RFC 8032). Raises NoteInvalid."""

    name: str
    public: bytes
    kind: KeyType = KeyType.ED25519

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.public) != _PUBLIC_BYTES or _without_sign(self.public) in _SMALL_ORDER:
            raise NoteInvalid("not a public key of Ed25519")

    @classmethod
    def of(cls, vkey: str) -> "NoteVerifier":
        """From its text, `<name>+<key id>+<base64 of type and key>`. Raises NoteInvalid."""
        parts = _VKEY.fullmatch(vkey)
        if parts is None:
            raise NoteInvalid("a verifier key is <name>+<8 hexadecimal digits>+<base64>")
        octets = decode_base64(parts[3])
        if octets[0] not in tuple(KeyType):
            raise NoteInvalid(f"keys of type {octets[0]:#04x} are not known here")
        verifier = cls(parts[1], octets[1:], KeyType(octets[0]))
        if verifier.key_id.hex() != parts[2]:
            raise NoteInvalid("the key id is not of this name and key")
        return verifier

    @property
    def key_id(self) -> bytes:
        """Four bytes that, with the name, tell which key signed."""
        return sha256(b"%b\n%c%b" % (self.name.encode(), self.kind, self.public)).digest()[:_KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes((self.kind,)) + self.public).decode()}"

    def verify(self, text: str, signature: bytes) -> int | None:
        """The time that a cosignature states, in seconds since 1970; None of a plain signature. Raises NoteInvalid."""
        time_s = None
        message = text.encode()
        if self.kind is KeyType.COSIGNATURE:
            time_s = int.from_bytes(signature[:_TIME_BYTES])
            signature = signature[_TIME_BYTES:]
            message = cosigned_message(text, time_s)
        try:
            _ed25519(self.public).verify(signature, message)
        except InvalidSignature:
            raise NoteInvalid(f"the signature of {self.name} does not hold") from None
        return time_s


class NoteSignature(msgspec.Struct, frozen=True):
    """A line below a note, of whomever. `signature`: without the key id."""

    name: str
    key_id: bytes
    signature: bytes


class Signed(msgspec.Struct, frozen=True):
    """A signature that holds. `time_s`: what a cosignature states."""

    by: NoteVerifier
    time_s: int | None = None


class Note(msgspec.Struct, frozen=True):
    """`text` is signed by all of `signed`, in the order of the lines."""

    text: str
    signed: tuple[Signed, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(one.by.name for one in self.signed)


def open_note(octets: bytes | str, verifiers: Iterable[NoteVerifier]) -> Note:
    """Raises NoteInvalid unless one of the keys signed it, and where what claims to be of one of them is not."""
    known = _by_name_and_id(verifiers)
    text, signatures = parse_note(octets)
    signed: list[Signed] = []
    for one in signatures:
        verifier = known.pop((one.name, one.key_id), None)
        if verifier is not None:
            signed.append(Signed(verifier, verifier.verify(text, one.signature)))
        elif any((one.name, one.key_id) == (seen.by.name, seen.by.key_id) for seen in signed):
            raise NoteInvalid(f"{one.name} signed twice with one key")
    if not signed:
        raise NoteInvalid("not signed by any key that is known")
    return Note(text, tuple(signed))


def _by_name_and_id(verifiers: Iterable[NoteVerifier]) -> dict[tuple[str, bytes], NoteVerifier]:
    """Raises NoteInvalid for two keys that a signature could be of: somebody made one to collide with the other."""
    known: dict[tuple[str, bytes], NoteVerifier] = {}
    for one in verifiers:
        if known.setdefault((one.name, one.key_id), one) != one:
            raise NoteInvalid(f"two keys of {one.name} have one key id")
    return known


def parse_note(octets: bytes | str) -> tuple[str, tuple[NoteSignature, ...]]:
    """Text and signatures, none of which has been verified. Raises NoteInvalid."""
    note = _decoded(octets)
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise NoteInvalid("a note is a text, an empty line, and lines of signatures")
    if lines.count("\n") > MAX_SIGNATURES:
        raise NoteInvalid(f"more than {MAX_SIGNATURES} signatures")
    return text + "\n", parse_lines(lines)


def parse_lines(lines: str) -> tuple[NoteSignature, ...]:
    """Lines of signatures, each with its newline, as a witness answers. Raises NoteInvalid."""
    *found, rest = lines.split("\n")
    if rest or not 0 < len(found) <= MAX_SIGNATURES:
        raise NoteInvalid(f"1 to {MAX_SIGNATURES} signatures, a line each")
    return tuple(_signature(line) for line in found)


def sign_note(text: str, verifier: NoteVerifier, sign: Sign) -> str:
    """The text with one signature. `verifier`: of the key that signs; it is not checked that it does. Raises NoteInvalid."""
    return format_note(text, (sign_line(verifier.name, verifier.key_id, sign(text.encode())),))


def format_note(text: str, lines: Sequence[str]) -> str:
    """`lines`: as `sign_line` makes them. Raises NoteInvalid for what would not be read as the same."""
    note = f"{text}\n{''.join(lines)}"
    if parse_note(note)[0] != text:
        raise NoteInvalid("a text ends with a newline")
    return note


def sign_line(name: str, key_id: bytes, signature: bytes) -> str:
    return f"— {name} {b64encode(key_id + signature).decode()}\n"


def vkey_of(name: str, public: bytes, kind: KeyType = KeyType.ED25519) -> str:
    """Raises NoteInvalid."""
    return NoteVerifier(name, public, kind).vkey


def cosigned_message(text: str, time_s: int) -> bytes:
    """What a cosignature/v1 is a signature of: C2SP tlog-cosignature, "Ed25519 signed message". Raises NoteInvalid."""
    if not 0 <= time_s <= MAX_TIME_S:
        raise NoteInvalid(f"a time of {time_s} seconds")
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def check_name(name: str) -> None:
    """Raises NoteInvalid: a name has neither spaces of any kind nor plus signs nor control characters."""
    if not name or "+" in name or any(one.isspace() for one in name) or _CONTROL.search(name):
        raise NoteInvalid("a name of a key has no spaces, plus signs or control characters")


def decode_base64(text: str) -> bytes:
    """RFC 4648, section 4; only what encoding gives is taken, so that no other text means the same. Raises NoteInvalid."""
    try:
        octets = a2b_base64(text, strict_mode=True)
    except (Error, ValueError):  # ValueError: not ASCII
        raise NoteInvalid("not base64") from None
    if not octets or b64encode(octets).decode() != text:
        raise NoteInvalid("not base64 as it is written")
    return octets


def _decoded(octets: bytes | str) -> str:
    try:
        as_bytes = octets.encode() if isinstance(octets, str) else octets
        if len(as_bytes) > MAX_NOTE_BYTES:
            raise NoteInvalid(f"a note has at most {MAX_NOTE_BYTES} bytes")
        note = as_bytes.decode()
    except UnicodeError:
        raise NoteInvalid("a note is UTF-8") from None
    if _CONTROL.search(note):
        raise NoteInvalid("a note has no control characters but newlines")
    return note


def _signature(line: str) -> NoteSignature:
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise NoteInvalid("a signature is a dash (U+2014), a name and base64")
    check_name(parts[1])
    octets = decode_base64(parts[2])
    if len(octets) <= _KEY_ID_BYTES:
        raise NoteInvalid("a signature is longer than the key id in it")
    return NoteSignature(parts[1], octets[:_KEY_ID_BYTES], octets[_KEY_ID_BYTES:])


def _without_sign(public: bytes) -> bytes:
    """The encoded y alone: RFC 8032, 5.1.2 puts the sign of x into the highest bit."""
    return public[:-1] + bytes((public[-1] & 0x7F,))


@lru_cache(maxsize=256)
def _ed25519(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)
