"""Whatever strangers send, those who read a log say that it is wrong, and nothing else happens."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lgsp.core.log.checkpoint import parse_checkpoint
from lgsp.core.log.merkle import ProofInvalid, check_consistency, check_inclusion
from lgsp.core.log.note import NoteInvalid, NoteVerifier, open_note, parse_lines, parse_note
from lgsp.core.log.policy import PolicyInvalid, parse_policy
from lgsp.core.log.proof import parse_proof
from lgsp.core.log.tile_paths import TileInvalid, decode_entries, parse_path, split_hashes

PETER = NoteVerifier.of("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"

# Pieces of what is right, in any order, and anything between: halves of surrogates, spaces of all kinds, numbers without end.
pieces = st.sampled_from(
    [
        "\n", "\n\n", "\r\n", " ", "\u2003", "\u2028", "\x85", "\0", "\ud800", "—", "— ", "+", "=", "A", "AAE=",
        "0", "7", "-1", "9" * 5_000, "\u0663", LINE, PETER.vkey, "lgsp/H01\n",
        "lgsp/H01\n5\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", "c2sp.org/tlog-proof@v1\n", "extra ", "index ",
        "log ", "witness ", "group ", "quorum ", "none", "any ", "all ", "tile/", "entries/", "x001/", "000", ".p/", "/",
    ]
)  # fmt: skip
texts = st.lists(pieces | st.text(max_size=5), max_size=30).map("".join)
octets = st.binary(max_size=300) | texts.map(lambda text: text.encode("utf-8", "surrogatepass"))
hashes = st.lists(st.binary(min_size=32, max_size=32) | st.binary(max_size=40), max_size=70)
numbers = st.integers(-2, 9) | st.integers(-(2**70), 2**70) | st.sampled_from([2**63 - 1, 2**63, 2**64])


@pytest.mark.parametrize(
    ("read", "refusal"),
    [
        (lambda text: open_note(text, [PETER]), NoteInvalid),
        (parse_note, NoteInvalid),
        (parse_lines, NoteInvalid),
        (parse_checkpoint, NoteInvalid),
        (parse_proof, NoteInvalid),
        (NoteVerifier.of, NoteInvalid),
        (parse_path, TileInvalid),
    ],
    ids=["open_note", "parse_note", "parse_lines", "parse_checkpoint", "parse_proof", "verifier key", "parse_path"],
)
@given(text=texts)
@example(text="")
def test_texts_are_read_or_refused(read: Callable[[str], object], refusal: type[ValueError], text: str) -> None:
    """Never anything between."""
    try:
        read(text)
    except refusal:
        pass


@pytest.mark.parametrize(
    ("read", "refusal"),
    [
        (lambda octets: open_note(octets, [PETER]), NoteInvalid),
        (parse_policy, PolicyInvalid),
        (lambda octets: decode_entries(octets, 3), TileInvalid),
        (lambda octets: split_hashes(octets, 3), TileInvalid),
    ],
    ids=["open_note", "parse_policy", "decode_entries", "split_hashes"],
)
@given(octets=octets)
def test_octets_are_read_or_refused(read: Callable[[bytes], object], refusal: type[ValueError], octets: bytes) -> None:
    """Also what is no text at all."""
    try:
        read(octets)
    except refusal:
        pass


@given(numbers, numbers, st.binary(max_size=40), st.binary(max_size=40), hashes)
def test_proofs_are_refused_in_words(first: int, second: int, one: bytes, other: bytes, proof: list[bytes]) -> None:
    """Numbers of any size, hashes of any length: nothing made up is ever taken."""
    with pytest.raises(ProofInvalid):
        check_inclusion(first, second, one, other, [*proof, b"x"])
    with pytest.raises(ProofInvalid):
        check_consistency(first, one, second, other, [*proof, b"x"])
