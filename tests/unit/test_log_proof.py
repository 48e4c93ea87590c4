"""Cosignatures, proofs and policies are those of C2SP tlog-cosignature, tlog-proof and tlog-policy."""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from lgsp.core.log.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, sign_checkpoint
from lgsp.core.log.cosignature import add_cosignatures, cosign
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import ProofInvalid, leaf_hash
from lgsp.core.log.note import (
    KeyType,
    NoteInvalid,
    NoteVerifier,
    cosigned_message,
    decode_base64,
    open_note,
    parse_note,
    sign_line,
    sign_note,
)
from lgsp.core.log.policy import Policy, PolicyInvalid, parse_policy, satisfied
from lgsp.core.log.proof import LogProof, parse_proof

# A public log of certificates as it was served one day, with what four public witnesses said of it; and two of the keys.
ARCHE = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroe\
W2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP\
7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEo\
dkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh\
0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN\
9DAg==
"""
ARCHE_KEY = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
STAGEMOLE = "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv"


class Key:
    def __init__(self, name: str, kind: KeyType = KeyType.COSIGNATURE) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())
        self.sign = self._private.sign
        self.verifier = NoteVerifier(name, self._private.public_key().public_bytes_raw(), kind)
        self.vkey = self.verifier.vkey


LOG = Key("lgsp/H01", KeyType.ED25519)
WITNESSES = {name: Key(f"witness.example/{name}") for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")}
POST = WITNESSES["X1"]
ENTRIES = [b'{"v":1,"number":%d}' % number for number in range(11)]
GROWN = append(Frontier(), [leaf_hash(one) for one in ENTRIES])
HEAD = Checkpoint("lgsp/H01", 11, GROWN.root)
NOTE = sign_checkpoint(HEAD, LOG.verifier, LOG.sign)
AT_S = 1_679_315_147


def test_a_served_checkpoint_opens_with_its_witnesses() -> None:
    """Signed by a log and by witnesses of other makes; signatures of kinds that are not known here do not matter."""
    signed = open_checkpoint(ARCHE, ARCHE_KEY, [REMORA, STAGEMOLE])
    assert signed.checkpoint == parse_checkpoint(parse_note(ARCHE)[0])
    assert signed.checkpoint.size == 1_432_088_532
    assert [(one.by.vkey, one.time_s) for one in signed.cosigned] == [(REMORA, 1_779_573_024), (STAGEMOLE, 1_779_573_024)]


@pytest.mark.parametrize(
    "before", ["1432088532", "U7WM", "2net5wAAAABqEiEg", "2net5wAAAABqEiEgPlfF", "staging.ct.transparency.dev\n"]
)
def test_a_witness_speaks_of_one_checkpoint_at_one_time(before: str) -> None:
    """Another size, root, time, signature or origin, and it does not hold."""
    changed = ARCHE.replace(before, before[:-2] + ("A" if before[-2] != "A" else "B") + before[-1])
    assert changed != ARCHE
    with pytest.raises(NoteInvalid):
        open_note(changed, [NoteVerifier.of(REMORA)])


def test_the_cosigned_message_is_that_of_the_specification() -> None:
    """tlog-cosignature, "Ed25519 signed message"."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert cosigned_message(text, 1_679_315_147).decode() == f"cosignature/v1\ntime 1679315147\n{text}"


def test_a_cosignature_says_when() -> None:
    """As a big-endian number in front of the signature."""
    line = cosign(HEAD, POST.verifier, AT_S, POST.sign)
    (signature,) = parse_note(NOTE + line)[1][1:]
    assert signature.signature[:8] == AT_S.to_bytes(8)
    signed = open_checkpoint(NOTE + line, LOG.verifier, [POST.verifier])
    assert [(one.by, one.time_s) for one in signed.cosigned] == [(POST.verifier, AT_S)]
    assert signed.names == {"witness.example/X1"}


def test_plain_and_cosigning_keys_are_not_each_other() -> None:
    """The same Ed25519 key under the same name: other key ids, other messages."""
    plain = NoteVerifier(POST.verifier.name, POST.verifier.public)
    assert plain.key_id != POST.verifier.key_id
    with pytest.raises(NoteInvalid, match="not signed by any"):
        open_note(sign_note(HEAD.text, plain, POST.sign), [POST.verifier])
    forged = sign_line(plain.name, POST.verifier.key_id, bytes(8) + POST.sign(HEAD.text.encode()))
    with pytest.raises(NoteInvalid, match="does not hold"):
        open_note(NOTE + forged, [LOG.verifier, POST.verifier])
    with pytest.raises(NoteInvalid, match="not one for cosignatures"):
        cosign(HEAD, plain, AT_S, POST.sign)


@pytest.mark.parametrize("time_s", [-1, 2**63])
def test_a_time_outside_of_the_specification_is_never_signed(time_s: int) -> None:
    """Nor is it believed."""
    with pytest.raises(NoteInvalid):
        cosign(HEAD, POST.verifier, time_s, POST.sign)
    signature = POST.sign(f"cosignature/v1\ntime {2**63}\n{HEAD.text}".encode())
    line = sign_line(POST.verifier.name, POST.verifier.key_id, (2**63).to_bytes(8) + signature)
    with pytest.raises(NoteInvalid, match="a time of"):
        open_note(NOTE + line, [LOG.verifier, POST.verifier])


def test_answers_of_witnesses_go_below_the_checkpoint() -> None:
    """A later one takes the place of an earlier one of the same key; what strangers say is left out."""
    earlier = cosign(HEAD, POST.verifier, AT_S, POST.sign)
    later = cosign(HEAD, POST.verifier, AT_S + 60, POST.sign)
    other = WITNESSES["Y1"]
    others = cosign(HEAD, other.verifier, AT_S, other.sign)
    keys = [POST.verifier, other.verifier]
    note = add_cosignatures(add_cosignatures(NOTE, earlier, keys), others, keys)
    assert note == NOTE + earlier + others
    assert add_cosignatures(note, "— stranger AAAAAAA=\n" + later, keys) == NOTE + others + later


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "\n",
        "<html>",
        "— stranger AAAAAAA=\n",
        cosign(HEAD, POST.verifier, AT_S, POST.sign)[:-1],
        cosign(HEAD, POST.verifier, AT_S, POST.sign) * 2,
        cosign(Checkpoint("lgsp/H01", 12, GROWN.root), POST.verifier, AT_S, POST.sign),
        cosign(HEAD, POST.verifier, AT_S, POST.sign) + "\nlgsp/H01\n",
        cosign(HEAD, POST.verifier, AT_S, POST.sign) + "— stranger AAAAAAA=\n" * 100,
    ],
)
def test_what_is_no_answer_of_a_witness_is_not_put_below_a_checkpoint(answer: str) -> None:
    """Nothing known in it, of another tree, twice, or no lines of signatures at all."""
    with pytest.raises(NoteInvalid):
        add_cosignatures(NOTE, answer, [POST.verifier])


def proof_of(index: int, extra: bytes = b"") -> LogProof:
    return LogProof(index, GROWN.proof(index), NOTE, extra)


def test_a_proof_is_written_as_specified() -> None:
    """tlog-proof, "Format": magic, extra, index, hashes, an empty line, the checkpoint."""
    hashes = [b64encode(one).decode() for one in GROWN.proof(10)]
    assert len(hashes) == 2
    expected = f"c2sp.org/tlog-proof@v1\nextra AAE=\nindex 10\n{hashes[0]}\n{hashes[1]}\n\n{NOTE}"
    assert proof_of(10, b"\0\1").text == expected
    assert proof_of(10).text == expected.replace("extra AAE=\n", "")
    assert LogProof(0, (), "note\n").text == "c2sp.org/tlog-proof@v1\nindex 0\n\nnote\n"


@given(st.integers(0, 10), st.binary(max_size=40))
def test_proofs_come_back_and_hold(index: int, extra: bytes) -> None:
    """Offline, with the key of the log alone."""
    proof = parse_proof(proof_of(index, extra).text)
    assert proof == proof_of(index, extra)
    assert proof.verify(ENTRIES[index], LOG.vkey).checkpoint == HEAD


def test_a_proof_brings_its_witnesses() -> None:
    """Who asks about them learns the time; who does not is not disturbed."""
    line = cosign(HEAD, POST.verifier, AT_S, POST.sign)
    proof = parse_proof(LogProof(3, GROWN.proof(3), NOTE + line).text)
    assert [one.time_s for one in proof.verify(ENTRIES[3], LOG.verifier, [POST.vkey]).cosigned] == [AT_S]
    assert proof.verify(ENTRIES[3], LOG.verifier).cosigned == ()


def test_a_proof_of_something_else_is_refused() -> None:
    """Another entry, another place, another log."""
    with pytest.raises(ProofInvalid):
        proof_of(3).verify(ENTRIES[4], LOG.verifier)
    with pytest.raises(ProofInvalid):
        LogProof(2, GROWN.proof(3), NOTE).verify(ENTRIES[3], LOG.verifier)
    with pytest.raises(NoteInvalid):
        proof_of(3).verify(ENTRIES[3], Key("lgsp/H02", KeyType.ED25519).verifier)


Change = Callable[[str], str]
CHANGES: dict[str, Change] = {
    "nothing": lambda _: "",
    "other magic": lambda text: text.replace("@v1", "@v2"),
    "no index": lambda text: text.replace("index 3\n", ""),
    "index twice": lambda text: text.replace("index 3\n", "index 3\nindex 3\n"),
    "leading zero": lambda text: text.replace("index 3", "index 03"),
    "negative": lambda text: text.replace("index 3", "index -3"),
    "too large": lambda text: text.replace("index 3", f"index {2**63}"),
    "no number": lambda text: text.replace("index 3", "index x"),
    "empty extra": lambda text: text.replace("index 3", "extra \nindex 3"),
    "extra not base64": lambda text: text.replace("index 3", "extra !!\nindex 3"),
    "extra twice": lambda text: text.replace("index 3", "extra AAE=\nextra AAE=\nindex 3"),
    "extra behind": lambda text: text.replace("index 3", "index 3\nextra AAE="),
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "space behind": lambda text: text.replace("index 3\n", "index 3 \n"),
    "no empty line": lambda text: text.replace("\n\n", "\n", 1),
    "65 hashes": lambda text: text.replace("index 3\n", "index 3\n" + (b64encode(bytes(32)).decode() + "\n") * 65),
    "short hash": lambda text: text.replace("index 3\n", "index 3\n" + b64encode(bytes(31)).decode() + "\n"),
    "two megabytes": lambda text: text + "x" * 2_000_000,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_not_exactly_a_proof_is_refused(change: Change) -> None:
    """Before anything is verified."""
    changed = change(proof_of(3).text)
    assert changed != proof_of(3).text
    with pytest.raises(NoteInvalid):
        parse_proof(changed)


POLICY = f"""\
log {LOG.vkey}

witness X1 {WITNESSES["X1"].vkey}
witness X2 {WITNESSES["X2"].vkey} https://witness.example/X2
witness X3 {WITNESSES["X3"].vkey}
group X-witnesses 2 X1 X2 X3

  # Bưu điện và thanh tra
witness\tY1 \t{WITNESSES["Y1"].vkey}
witness Y2 {WITNESSES["Y2"].vkey}
witness Y3 {WITNESSES["Y3"].vkey}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def policy_of(text: str) -> Policy:
    return parse_policy(text.encode())


def test_the_example_of_tlog_policy_is_read() -> None:
    """One log, six witnesses, three groups, a quorum."""
    policy = policy_of(POLICY)
    assert [one.key for one in policy.logs] == [LOG.verifier]
    assert [(one.name, one.key) for one in policy.witnesses] == [(name, key.verifier) for name, key in WITNESSES.items()]
    assert [one.url for one in policy.witnesses] == ["", "https://witness.example/X2", "", "", "", ""]
    assert [(one.name, one.threshold, len(one.members)) for one in policy.groups] == [
        ("X-witnesses", 2, 3),
        ("Y-witnesses", 1, 3),
        ("X-and-Y", 2, 2),
    ]


@pytest.mark.parametrize(
    ("names", "enough"),
    [
        ("X1 X2 Y1", True),
        ("X1 X2 X3 Y1 Y2 Y3", True),
        ("X2 X3 Y3", True),
        ("X1 Y1 Y2 Y3", False),
        ("X1 X2 X3", False),
        ("", False),
        ("X-witnesses Y-witnesses", False),
        ("X-and-Y", False),
    ],
)
def test_the_quorum_of_the_example(names: str, enough: bool) -> None:
    """Two of the X and one of the Y: witnesses, not groups that somebody names."""
    assert satisfied(policy_of(POLICY), names.split()) is enough


def test_a_checkpoint_is_believed_once_enough_witnesses_cosigned_it() -> None:
    """Names are those of the policy, whatever stands in the keys."""
    policy, note = policy_of(POLICY), NOTE
    for name in ("X1", "X2"):
        note += cosign(HEAD, WITNESSES[name].verifier, AT_S, WITNESSES[name].sign)
        with pytest.raises(NoteInvalid, match=f"{name}, which is no quorum"):
            policy.open(note)
    note += cosign(HEAD, WITNESSES["Y3"].verifier, AT_S, WITNESSES["Y3"].sign)
    assert policy.witnessed_by(policy.open(note)) == {"X1", "X2", "Y3"}


def test_any_key_of_a_log_will_do_and_no_other_log() -> None:
    """Keys change; the old one signed the old checkpoints."""
    newer = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key = NoteVerifier(HEAD.origin, newer.public_key().public_bytes_raw())
    for keys in ((LOG.vkey, key.vkey), (key.vkey, LOG.vkey)):
        policy = policy_of("".join(f"log {one}\n" for one in keys) + "quorum none\n")
        assert policy.open(NOTE).checkpoint == policy.open(sign_checkpoint(HEAD, key, newer.sign)).checkpoint == HEAD
    with pytest.raises(NoteInvalid, match="none of the logs"):
        policy_of(f"log {ARCHE_KEY}\nquorum none").open(NOTE)
    with pytest.raises(NoteInvalid, match="not signed by"):
        policy_of(f"log {key.vkey}\nquorum none").open(NOTE)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (0, ""),
        (0, "# nothing else\n"),
        (0, f"log {LOG.vkey}\n"),
        (0, "quorum none\r\n"),
        (0, "quorum none\n\x7f"),
        (1, "quorum X1\n"),
        (2, "quorum none\nquorum none\n"),
        (1, "quorum none none\n"),
        (1, "policy none\n"),
        (1, f"Log {LOG.vkey}\n"),
        (1, "log\n"),
        (1, f"log {POST.vkey}\n"),
        (1, f"witness X1 {LOG.vkey}\n"),
        (1, f"witness none {POST.vkey}\n"),
        (1, f"witness X1 {POST.vkey} url url\n"),
        (1, f"witness X1 {POST.vkey[:-1]}\n"),
        (2, f"log {LOG.vkey}\nlog {LOG.vkey}\nquorum none"),
        (2, f"witness X1 {POST.vkey}\nwitness X1 {WITNESSES['X2'].vkey}\n"),
        (2, f"witness X1 {POST.vkey}\nwitness X2 {NoteVerifier('other', POST.verifier.public, KeyType.COSIGNATURE).vkey}\n"),
        (2, f"witness X1 {POST.vkey}\ngroup X1 1 X1\n"),
        (2, f"witness X1 {POST.vkey}\ngroup g 0 X1\n"),
        (2, f"witness X1 {POST.vkey}\ngroup g 01 X1\n"),
        (2, f"witness X1 {POST.vkey}\ngroup g 2 X1\n"),
        (2, f"witness X1 {POST.vkey}\ngroup g most X1\n"),
        (2, f"witness X1 {POST.vkey}\ngroup g any X1 X1\n"),
        (2, f"witness X1 {POST.vkey}\ngroup g any\n"),
        (2, f"witness X1 {POST.vkey}\ngroup g any none\n"),
        (2, f"witness X1 {POST.vkey}\ngroup g any g\n"),
        (3, f"witness X1 {POST.vkey}\ngroup g any X1\ngroup h any X1\n"),
        (1, f"group g any X1\nwitness X1 {POST.vkey}\n"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_line(line: int, text: str) -> None:
    """A slip in this file must not make anything count that should not."""
    with pytest.raises(PolicyInvalid) as error:
        policy_of(text)
    assert error.value.line == line


def test_a_policy_may_contain_any_octets_beyond_ascii() -> None:
    """In names and comments, where they mean nothing but themselves; C2SP tlog-policy, "Character set"."""
    key = POST.vkey.encode()
    policy = parse_policy(
        b"# \xff\xfe\nwitness B\xc6\xb0u-\xff " + key + b"\ngroup K\xe2\x84\xaa any B\xc6\xb0u-\xff\nquorum K\xe2\x84\xaa"
    )
    assert satisfied(policy, [policy.witnesses[0].name])


def test_a_policy_has_a_limit() -> None:
    """Before it is read."""
    with pytest.raises(PolicyInvalid, match="at most"):
        parse_policy(b"#" * 1_000_001)


def test_the_decoder_takes_base64_as_it_is_written_alone() -> None:
    """No spare bits, no missing padding, no other alphabet, no space."""
    assert decode_base64("AAE=") == b"\0\1"
    for text in ("", "AAE", "AAF=", "AAE==", "AA-_", " AAE=", "AAE=\n", "AA\nE=", "AAE=AAE=", "=", "A", "\u0410AE="):
        with pytest.raises(NoteInvalid):
            decode_base64(text)
