"""Notes and checkpoints are read exactly as C2SP signed-note and tlog-checkpoint say, and nothing else is taken for one."""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from lgsp.core.log.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from lgsp.core.log.merkle import EMPTY_ROOT
from lgsp.core.log.note import (
    KeyType,
    NoteInvalid,
    NoteVerifier,
    Signed,
    decode_base64,
    open_note,
    parse_note,
    sign_line,
    sign_note,
    vkey_of,
)

# Published by the Go project with its package for notes: text, keys and signatures.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = decode_base64("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETERS_LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
ENOCHS_LINE = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
NOTE = TEXT + "\n" + PETERS_LINE

# The example of signed-note, and the key it gives.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = """\
This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""

# The example of tlog-checkpoint. Its key is not published: read, and verified as far as that goes.
SOFA = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LOG = NoteVerifier("lgsp/H01", KEY.public_key().public_bytes_raw())
HEAD = Checkpoint("lgsp/H01", 5, bytes(range(32)))


def test_the_published_note_opens_under_the_published_key() -> None:
    """Text and name as signed; a second signature that is not asked about does not matter."""
    for note in (NOTE, NOTE + ENOCHS_LINE):
        opened = open_note(note.encode(), [NoteVerifier.of(PETER)])
        assert opened.text == TEXT
        assert opened.signed == (Signed(NoteVerifier.of(PETER)),)
    both = open_note(NOTE + ENOCHS_LINE, [NoteVerifier.of(ENOCH), NoteVerifier.of(PETER)])
    assert both.names == {"PeterNeumann", "EnochRoot"}


def test_the_example_of_signed_note_opens() -> None:
    """With the verifier key beside it."""
    assert open_note(EXAMPLE, [NoteVerifier.of(EXAMPLE_KEY)]).text == "This is an example message.\n"


def test_the_published_note_is_made_byte_for_byte() -> None:
    """By its published private key: Ed25519 has one signature for a text."""
    assert sign_note(TEXT, NoteVerifier.of(PETER), Ed25519PrivateKey.from_private_bytes(PETER_SEED).sign) == NOTE


@pytest.mark.parametrize(
    "vkey", [PETER, ENOCH, EXAMPLE_KEY, vkey_of("witness.example/w1", bytes(range(32)), KeyType.COSIGNATURE)]
)
def test_verifier_keys_come_back_as_written(vkey: str) -> None:
    """Name, key id, type and key."""
    assert NoteVerifier.of(vkey).vkey == vkey


def test_every_changed_character_of_a_verifier_key_is_noticed() -> None:
    """The key id is a sum over name and key."""
    for at in range(len(PETER)):
        for changed in (PETER[:at] + chr(ord(PETER[at]) ^ 1) + PETER[at + 1 :], PETER[:at] + PETER[at + 1 :], PETER[:at]):
            with pytest.raises(NoteInvalid):
                NoteVerifier.of(changed)


def vkey_of_octets(octets: bytes, name: str = "n") -> str:
    key_id = sha256(name.encode() + b"\n" + octets).hexdigest()[:8]
    return f"{name}+{key_id}+{b64encode(octets).decode()}"


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "++",
        PETER.upper(),
        PETER + "\n",
        PETER.replace("c74f20a3", "C74F20A3"),
        vkey_of_octets(b"\x01" + bytes(range(31))),
        vkey_of_octets(b"\x01" + bytes(range(33))),
        vkey_of_octets(b"\x02" + bytes(range(32))),
        vkey_of_octets(b"\x01"),
        vkey_of_octets(b"\x01" + bytes(range(32)), "a b"),
        vkey_of_octets(b"\x01" + bytes(range(32)), "a\u2003b"),
        vkey_of_octets(b"\x01" + bytes(range(32)), "a\x01b"),
    ],
)
def test_what_is_no_verifier_key_is_refused(vkey: str) -> None:
    """Of another length or type, with another way to write it, or with a name that would break a line."""
    with pytest.raises(NoteInvalid):
        NoteVerifier.of(vkey)


P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def _add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """Points of edwards25519: RFC 8032, 5.1.4, in plain coordinates."""
    product = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + product, -1, P) % P
    return x, (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, P) % P


def _points_of_small_order() -> set[tuple[int, int]]:
    """The eight multiples of a point of order 8, whose y solves d y^4 + 2 y^2 - 1 = 0 (doubled it is (±sqrt(-1), 0))."""
    i = pow(2, (P - 1) // 4, P)
    one = next(point for y in range(2, 100) if (point := _eighth(y, i)) is not None)
    points, at = set(), one
    for _ in range(8):
        points.add(at)
        at = _add(at, one)
    return points


def _eighth(y: int, i: int) -> tuple[int, int] | None:
    """A point times the order of the large subgroup, when that has order 8."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * i % P
    if x * x % P != square:
        return None
    at, step, order = (0, 1), (x, y), 2**252 + 27742317777372353535851937790883648493
    while order:
        at, step, order = _add(at, step) if order & 1 else at, _add(step, step), order >> 1
    four = _add(_add(at, at), _add(at, at))
    return at if four != (0, 1) else None


def test_keys_of_small_order_are_refused() -> None:
    """Under them signatures hold for texts nobody signed; with either sign, and with y written larger than the field."""
    points = _points_of_small_order()
    assert len(points) == 8
    for y in {y + more for _, y in points for more in (0, P) if y + more < 2**255}:
        for sign in (0, 2**255):
            with pytest.raises(NoteInvalid, match="not a public key"):
                NoteVerifier("n", (y + sign).to_bytes(32, "little"))


Change = Callable[[str], str | bytes]
CHANGES: dict[str, Change] = {
    "nothing": lambda _: "",
    "text alone": lambda _: TEXT,
    "no signature": lambda _: TEXT + "\n",
    "no empty line": lambda _: TEXT + PETERS_LINE,
    "last newline missing": lambda note: note[:-1],
    "one newline more": lambda note: note + "\n",
    "carriage returns": lambda note: note.replace("\n", "\r\n"),
    "tabulator": lambda note: note.replace(" you", "\tyou", 1),
    "zero": lambda note: "\0" + note,
    "hyphen": lambda note: note.replace("—", "-"),
    "two spaces": lambda note: note.replace("— ", "—  "),
    "no name": lambda note: note.replace("— PeterNeumann ", "—  "),
    "something behind": lambda note: note[:-1] + " x\n",
    "two lines in one": lambda note: note[:-1] + PETERS_LINE,
    "not base64": lambda note: note.replace("x08g", "x0-g"),
    "without padding": lambda note: note.replace("=\n", "\n"),
    "spare bits set": lambda note: note.replace("nAM=\n", "nAN=\n"),
    "line break in base64": lambda note: note.replace("x08g", "x0\n8g"),
    "key id alone": lambda note: TEXT + "\n— PeterNeumann x08gow==\n",
    "short signature": lambda note: TEXT + "\n" + sign_line("PeterNeumann", bytes.fromhex("c74f20a3"), bytes(63)),
    "not UTF-8": lambda note: b"\xff" + note.encode(),
    "half a surrogate": lambda note: "\ud800" + note,
    "signed twice": lambda note: note + PETERS_LINE,
    "of another text": lambda note: note.replace("answer", "Answer"),
    "space at the end of the text": lambda note: note.replace("is.\n", "is. \n"),
    "101 signatures": lambda note: note + "— x AAAAAAA=\n" * 100,
    "a megabyte": lambda note: "x" * 1_000_000 + note,
    "signature in the text": lambda note: note + "\n— x AAAAAAA=\n",
    "unknown key alone": lambda _: TEXT + "\n" + ENOCHS_LINE,
    "other name": lambda note: note.replace("PeterNeumann", "PeterNeumanx"),
    "other key id": lambda note: note.replace("x08g", "x18g"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_not_exactly_a_signed_note_is_refused(change: Change) -> None:
    """Whether its form is wrong or its signature does not hold."""
    with pytest.raises(NoteInvalid):
        open_note(change(NOTE), [NoteVerifier.of(PETER)])


def test_signatures_of_others_are_passed_over() -> None:
    """Also those with our name or our key id alone, and a hundred of them: nobody can spoil a note by adding lines."""
    peter = NoteVerifier.of(PETER)
    alike = sign_line("PeterNeumann", b"\0\0\0\0", bytes(64)) + sign_line("x", peter.key_id, bytes(64))
    opened = open_note(TEXT + "\n" + alike + PETERS_LINE + "— x AAAAAAA=\n" * 97, [peter])
    assert opened.names == {"PeterNeumann"}


def test_one_signature_that_does_not_hold_spoils_the_note() -> None:
    """If it claims to be of somebody who is known."""
    wrong = sign_line("EnochRoot", NoteVerifier.of(ENOCH).key_id, bytes(64))
    with pytest.raises(NoteInvalid, match="EnochRoot does not hold"):
        open_note(NOTE + wrong, [NoteVerifier.of(PETER), NoteVerifier.of(ENOCH)])


def test_two_keys_that_cannot_be_told_apart_are_not_used() -> None:
    """A key id has four bytes: somebody may have looked for a key with the same one."""
    seen: dict[bytes, NoteVerifier] = {}
    pair = None
    for number in range(2**20):
        key = NoteVerifier("n", number.to_bytes(4) + bytes(range(28)))
        other = seen.setdefault(key.key_id, key)
        if other != key:
            pair = [other, key]
            break
    assert pair is not None
    with pytest.raises(NoteInvalid, match="one key id"):
        open_note(NOTE, pair)
    assert open_note(NOTE, [NoteVerifier.of(PETER)] * 2).names == {"PeterNeumann"}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="".join(map(chr, range(32)))), max_size=60))
def test_any_text_can_be_signed(line: str) -> None:
    """With empty lines and with what looks like a signature, too."""
    for text in (f"{line}\n", f"\n{line}\n\n", f"{line}\n\n— x AAAAAAA=\n"):
        assert open_note(sign_note(text, LOG, KEY.sign), [LOG]).text == text


@pytest.mark.parametrize("text", ["", "no newline", "a\tb\n", "a\r\n"])
def test_what_would_not_be_read_as_it_was_signed_is_not_signed(text: str) -> None:
    """A note whose text does not come back."""
    with pytest.raises(NoteInvalid):
        sign_note(text, LOG, KEY.sign)


def test_the_example_of_tlog_checkpoint_is_read_and_written_byte_for_byte() -> None:
    """Origin, size, root, and the signature of a key named after the origin."""
    text, (signature,) = parse_note(SOFA)
    checkpoint = parse_checkpoint(text)
    assert checkpoint == Checkpoint("example.com/behind-the-sofa", 20852163, checkpoint.root)
    assert checkpoint.root.hex() == "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    assert checkpoint.text == text
    assert (signature.name, signature.key_id.hex(), len(signature.signature)) == (checkpoint.origin, "033de0ae", 64)
    assert f"{text}\n{sign_line(signature.name, signature.key_id, signature.signature)}" == SOFA


def test_a_checkpoint_opens_under_the_key_of_its_log() -> None:
    """Given as a key or as text; it is kept as it was read."""
    note = sign_checkpoint(HEAD, LOG, KEY.sign)
    for key in (LOG, LOG.vkey):
        opened = open_checkpoint(note.encode(), key)
        assert (opened.checkpoint, opened.note, opened.log, opened.cosigned) == (HEAD, note, LOG, ())


def test_a_log_speaks_for_itself_alone() -> None:
    """Its key neither signs nor is believed for another origin, and others do not speak for it."""
    other = NoteVerifier("lgsp/H02", LOG.public)
    with pytest.raises(NoteInvalid, match="does not sign for"):
        sign_checkpoint(HEAD, other, KEY.sign)
    with pytest.raises(NoteInvalid, match="signed by the key of lgsp/H02"):
        open_checkpoint(sign_note(HEAD.text, other, KEY.sign), other)
    with pytest.raises(NoteInvalid, match="not signed by lgsp/H01"):
        open_checkpoint(sign_note(HEAD.text, other, KEY.sign), LOG, [other])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "lgsp/H01\n5\n",
        HEAD.text[:-1],
        HEAD.text + "\n",
        "\n" + HEAD.text,
        HEAD.text.replace("\n5\n", "\n05\n"),
        HEAD.text.replace("\n5\n", "\n+5\n"),
        HEAD.text.replace("\n5\n", "\n5 \n"),
        HEAD.text.replace("\n5\n", "\n-5\n"),
        HEAD.text.replace("\n5\n", "\n\u0665\n"),
        HEAD.text.replace("\n5\n", "\n0\n"),
        HEAD.text.replace("\n5\n", "\n9223372036854775808\n"),
        HEAD.text.replace("\n5\n", f"\n{'9' * 5000}\n"),
        HEAD.text.replace("=\n", "\n"),
        HEAD.text.replace("8=\n", "9=\n"),
        HEAD.text.replace("AAEC", "AAE"),
        "lgsp/H01\n5\nAAAA\n",
        HEAD.text + "extension\n\n",
        HEAD.text + "extension\n" * 33,
    ],
)
def test_what_is_not_exactly_a_checkpoint_is_refused(text: str) -> None:
    """Two texts never mean the same tree."""
    with pytest.raises(NoteInvalid):
        parse_checkpoint(text)


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20),
    st.integers(1, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20), max_size=3),
)
def test_checkpoints_come_back(origin: str, size: int, root: bytes, extensions: list[str]) -> None:
    """Whatever the origin and the extensions are."""
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    assert parse_checkpoint(checkpoint.text) == checkpoint


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions"),
    [
        ("", 5, bytes(32), ()),
        ("a\nb", 5, bytes(32), ()),
        ("a", -1, bytes(32), ()),
        ("a", 2**63, bytes(32), ()),
        ("a", 5, bytes(31), ()),
        ("a", 0, bytes(32), ()),
        ("a", 5, bytes(32), ("",)),
        ("a", 5, bytes(32), ("b\nc",)),
    ],
)
def test_a_checkpoint_that_could_not_be_read_cannot_be_made(
    origin: str, size: int, root: bytes, extensions: tuple[str, ...]
) -> None:
    """So none is ever signed."""
    with pytest.raises(NoteInvalid):
        Checkpoint(origin, size, root, extensions)


def test_the_empty_tree_has_its_checkpoint() -> None:
    """A log begins with nothing, and can say so."""
    assert parse_checkpoint(Checkpoint("a", 0, EMPTY_ROOT).text).size == 0
