"""A bundle of evidence: what it proves, and that nothing about it can be changed unnoticed."""

import io
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from contracts.envelope import Envelope
from lgsp.core.log.checkpoint import parse_checkpoint
from lgsp.core.log.cosignature import cosign
from lgsp.core.log.note import KeyType, NoteVerifier, parse_note
from lgsp.core.log.policy import parse_policy
from lgsp.evidence import manifest
from lgsp.evidence.asic import CADES_SEAL, JWS_SEAL, MANIFEST, Container
from lgsp.evidence.build import build
from lgsp.evidence.content import BundleContent
from lgsp.evidence.findings import Exit, State
from lgsp.evidence.given import Given
from lgsp.evidence.manifest import Leaf
from lgsp.evidence.receipts import TYPE as RECEIPT
from lgsp.evidence.seals import TYPE as SEAL
from lgsp.evidence.seals import statement
from lgsp.evidence.verify import Unreadable
from signing.cms_sign import sign_detached
from signing.paths import NO_ANCHORS
from tests.bundles import (
    MADE_AT,
    bundle,
    checked,
    content,
    entry,
    envelope,
    erasure,
    everything,
    leaves,
    local,
    log_verifier,
    message,
    note,
    proven,
    raw,
    receipt,
    sealer,
    statement_of,
)
from tests.cms_signers import openssl_says
from tests.signatures import authority

WITNESS = NoteVerifier("nhan-chung.test/H15.1", raw(local(b"W" * 32)), KeyType.COSIGNATURE)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> BundleContent:
    return content(tmp_path_factory.mktemp("files"))


def wrong(octets: bytes, given: Given | None = None) -> set[str]:
    """What is wrong with it."""
    result = checked(octets, given)
    assert result.exit is Exit.WRONG
    return {one.what for one in result.findings if one.state is State.WRONG}


def resealed(octets: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """Taken apart, changed and sealed again with the hub's own key: what a hub that lies would hand out. `change`: None leaves a
    file out."""
    file = io.BytesIO()
    container = Container(file)
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        for name in archive.namelist()[1:-2]:
            changed = change(name, archive.read(name))
            if changed is not None:
                container.add(name, (changed,))
    container.seal(CADES_SEAL, sign_detached(container.manifest(CADES_SEAL), sealer(), MADE_AT))
    return file.getvalue()


def replaced(name: str, old: bytes, new: bytes) -> Callable[[str, bytes], bytes]:
    def change(found: str, octets: bytes) -> bytes:
        if found != name:
            return octets
        assert old in octets
        return octets.replace(old, new)

    return change


# --- what it proves -----------------------------------------------------------------------------------------------------------


def test_with_keys_from_elsewhere_everything_is_proved(plain: BundleContent) -> None:
    result = checked(bundle(plain), everything())
    assert result.exit is Exit.PROVED
    assert {one.state for one in result.findings} <= {State.FITS, State.NOT_HERE}
    assert all(one.confirmed for one in result.keys)
    (proven,) = result.messages
    assert [one.name for one in proven.timeline] == ["accepted", "routed", "routed", "attempted", "delivered", "fetched"]
    assert proven.timeline[3].detail == "HTTP 503 Service Unavailable" and proven.timeline[1].number == 5


def test_a_key_that_only_stands_in_the_bundle_proves_nothing(plain: BundleContent) -> None:
    result = checked(bundle(plain))
    assert result.exit is Exit.KEYS_NOT_CONFIRMED
    assert {one.role for one in result.keys} == {"log", "hub", "seal"} and not any(one.confirmed for one in result.keys)
    assert log_verifier().vkey in {one.text for one in result.keys}


@pytest.mark.parametrize("missing", ["log_keys", "hub_keys", "documents", "time_stamps"])
def test_one_key_that_was_not_brought_leaves_a_doubt(plain: BundleContent, missing: str) -> None:
    empty = {"log_keys": (), "hub_keys": None, "documents": NO_ANCHORS, "time_stamps": NO_ANCHORS}[missing]
    given = replace(everything(), **{missing: empty})  # type: ignore[arg-type]
    assert checked(bundle(plain), given).exit is Exit.KEYS_NOT_CONFIRMED


def test_a_head_signed_by_the_key_of_receipts_is_no_head(plain: BundleContent) -> None:
    """Whoever has that key has none of the log's: the hub's JWK set confirms what the hub states, never a tree."""
    forged = replace(plain, log=replace(plain.log, note=note(b"S" * 32), vkeys=(log_verifier(b"S" * 32).vkey,), stamps=()))
    given = replace(everything(), log_keys=())
    result = checked(bundle(forged), given)
    assert result.exit is not Exit.PROVED
    assert {one.state for one in result.findings if one.what in ("checkpoint", "entries")} == {State.UNCONFIRMED}
    assert wrong(bundle(forged), everything()) >= {"checkpoint"}


def test_what_is_not_in_the_log_is_never_proved(plain: BundleContent) -> None:
    """A message that the hub made up today has a seal and a receipt by its keys; what it cannot have is an entry of then."""
    unlogged = msgspec.structs.replace(receipt(), log=None)
    bare = replace(message(), leaves=(), receipt=statement_of(msgspec.json.encode(unlogged), RECEIPT), receipt_xml=b"")
    for log in (plain.log, None):
        result = checked(bundle(replace(plain, messages=(bare,), log=log)), everything())
        assert result.exit is Exit.KEYS_NOT_CONFIRMED


def test_octets_that_are_kept_back_are_not_erased_ones(plain: BundleContent) -> None:
    """Erasing is an entry of the log; whoever claims it without one hides something."""
    gone = replace(message(), envelope=msgspec.structs.replace(envelope(), body=b""), erased=True)
    assert wrong(bundle(replace(plain, messages=(gone,), files={})), everything()) == {"entries"}


def test_a_hub_without_certificate_seals_by_a_statement(plain: BundleContent) -> None:
    octets = bundle(plain, certificate=False)
    assert zipfile.ZipFile(io.BytesIO(octets)).namelist()[-1] == JWS_SEAL
    assert checked(octets, everything()).exit is Exit.PROVED
    assert checked(octets).exit is Exit.KEYS_NOT_CONFIRMED


@pytest.mark.parametrize("quorum", ["w", "none"])
def test_witnesses_count_by_the_policy_that_was_brought(plain: BundleContent, quorum: str) -> None:
    checkpoint = parse_checkpoint(parse_note(note())[0])
    cosigned = note() + cosign(checkpoint, WITNESS, int(MADE_AT.timestamp()), local(b"W" * 32).sign).encode()
    text = f"log {log_verifier().vkey}\nwitness w {WITNESS.vkey}\nquorum {quorum}\n".encode()
    assert plain.log is not None
    with_one = replace(plain, log=replace(plain.log, note=cosigned, policy=text, stamps=()))
    given = replace(everything(), log_keys=(), policy=parse_policy(text))
    assert checked(bundle(with_one), given).exit is Exit.PROVED
    alone = replace(plain, log=replace(plain.log, policy=text))
    assert checked(bundle(alone), given).exit is (Exit.WRONG if quorum == "w" else Exit.PROVED)


def test_a_party_is_shown_its_own_part(plain: BundleContent) -> None:
    """Records of deliveries to others may be missing there; in a whole bundle they may not."""
    part = replace(
        message(), leaves=tuple(one for one in message().leaves if "VNPOST" not in one.leaf and "fetched" not in one.leaf)
    )
    assert checked(bundle(replace(plain, view="party", messages=(part,))), everything()).exit is Exit.PROVED
    assert wrong(bundle(replace(plain, messages=(part,))), everything()) == {"entries"}


def test_after_the_body_is_erased_the_rest_is_proved(plain: BundleContent) -> None:
    told = (*message().leaves, proven(erasure()))
    erased = replace(message(), envelope=msgspec.structs.replace(envelope(), body=b""), erased=True, leaves=told)
    result = checked(bundle(replace(plain, messages=(erased,), files={})), everything())
    assert result.exit is Exit.PROVED
    gone = {one.what for one in result.findings if one.state is State.NOT_HERE}
    assert gone >= {"envelope", "attachment", "signature"}


# --- what others say of the container -----------------------------------------------------------------------------------------


def test_other_programs_open_it(plain: BundleContent, tmp_path: Path) -> None:
    octets, path = bundle(plain), tmp_path / "x.asice"
    path.write_bytes(octets)
    archive = zipfile.ZipFile(io.BytesIO(octets))
    assert archive.testzip() is None and archive.namelist()[0] == "mimetype"
    assert octets[30:69] == b"mimetypeapplication/vnd.etsi.asic-e+zip"  # EN 319 162-1, A.1: a magic number at this place
    assert subprocess.run(["unzip", "-t", str(path)], capture_output=True, check=False, timeout=30).returncode == 0
    assert openssl_says(archive.read(CADES_SEAL), archive.read(MANIFEST), authority())


def test_the_same_content_makes_the_same_octets(plain: BundleContent) -> None:
    assert bundle(plain) == bundle(plain)


# --- what is noticed ----------------------------------------------------------------------------------------------------------


def test_every_changed_byte_is_noticed(plain: BundleContent) -> None:
    """A sample here, each bit of each byte in `make soak`."""
    octets = bundle(plain)
    for place in range(0, len(octets), 97):
        changed = bytearray(octets)
        changed[place] ^= 1 << place % 8
        try:
            assert checked(bytes(changed), everything()).exit is Exit.WRONG, place
        except Unreadable:
            assert place < 4  # what does not begin as a container is none


@pytest.mark.parametrize(
    "change",
    [
        lambda octets: octets + b"\n",
        lambda octets: b"\n" + octets,
        lambda octets: octets[:-1],
        lambda octets: octets[:-2] + b"\x01\0x",  # a comment
        lambda octets: octets[: len(octets) // 2],
        lambda octets: b"",
    ],
)
def test_nothing_can_be_added_or_cut_off(plain: BundleContent, change: Callable[[bytes], bytes]) -> None:
    try:
        assert checked(change(bundle(plain)), everything()).exit is Exit.WRONG
    except Unreadable:
        pass


def test_another_way_to_write_the_same_archive_is_refused(plain: BundleContent) -> None:
    """Deflated, with other times, in another order: the content may be the same, the file is not."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundle(plain))) as archive, zipfile.ZipFile(file, "w") as other:
        for name in archive.namelist():
            other.writestr(name, archive.read(name))
    assert wrong(file.getvalue()) == {"container"}


def test_what_is_no_bundle_cannot_be_read() -> None:
    for octets in (b"", b"%PDF-1.7", b"PK"):
        with pytest.raises(Unreadable):
            checked(octets)


@pytest.mark.parametrize(
    ("name", "old", "new", "what"),
    [
        ("messages/1/envelope.json", b"kq-2026-0001", b"kq-2026-0002", "envelope"),
        ("messages/1/body.json", b"xong", b"sai!", "envelope"),
        ("messages/1/attachment-1.txt", b"12/GPXD", b"13/GPXD", "attachment"),
        ("messages/1/header.json", b"0001", b"0002", "entries"),
        ("messages/1/examination.json", b'"verified"', b'"revoked"', "entries"),
        ("manifest.json", b'\\"number\\":5', b'\\"number\\":6', "entries"),
        ("manifest.json", b"Service Unavailable", b"Service  Available", "entries"),
        ("manifest.json", b'"sequence": 7', b'"sequence": 8', "entries"),
        ("messages/1/receipt.jws", b".", b".A", "receipt"),
        ("messages/1/receipt.xml", b"<sequence>7<", b"<sequence>8<", "receipt"),
        ("log/checkpoint.txt", b"\n53\n", b"\n54\n", "checkpoint"),
        ("keys/log.vkey", b"+", b"+0", "checkpoint"),
    ],
)
def test_a_hub_that_changes_the_past_is_found_out(plain: BundleContent, name: str, old: bytes, new: bytes, what: str) -> None:
    """Even with the key that seals: the log, the receipt and the sender's signature say otherwise."""
    assert what in wrong(resealed(bundle(plain), replaced(name, old, new)), everything())


def test_evidence_that_was_exchanged_is_found_out(plain: BundleContent) -> None:
    def change(name: str, octets: bytes) -> bytes:
        return octets[:-1] + bytes((octets[-1] ^ 1,)) if name.endswith(".crl") else octets

    assert wrong(resealed(bundle(plain), change), everything()) >= {"exhibit", "signature"}


@pytest.mark.parametrize("name", ["evidence/", "messages/1/receipt.jws", "keys/jwks.json", "report.pdf"])
def test_a_file_that_is_missing_is_noticed(plain: BundleContent, name: str) -> None:
    octets = resealed(bundle(plain), lambda found, octets: None if found.startswith(name) else octets)
    assert wrong(octets, everything()) == {"container"}


def test_a_file_that_nobody_names_is_noticed(plain: BundleContent) -> None:
    file = io.BytesIO()
    container = Container(file)
    with zipfile.ZipFile(io.BytesIO(bundle(plain))) as archive:
        for name in archive.namelist()[1:-2]:
            container.add(name, (archive.read(name),))
    container.add("extra.txt", (b"x",))
    container.seal(CADES_SEAL, sign_detached(container.manifest(CADES_SEAL), sealer(), MADE_AT))
    assert wrong(file.getvalue(), everything()) == {"container"}


def test_another_log_with_the_same_name_is_another_log(plain: BundleContent) -> None:
    """Built anew with keys of one's own, everything fits together: only what somebody has from elsewhere tells."""
    assert plain.log is not None
    other = replace(plain.log, note=note(b"X" * 32), vkeys=(log_verifier(b"X" * 32).vkey,), stamps=())
    assert wrong(bundle(replace(plain, log=other))) == {"receipt"}  # whose proof is of the real one
    without_receipt = replace(message(), receipt=b"", receipt_xml=b"")
    octets = bundle(replace(plain, log=other, messages=(without_receipt,)))
    assert checked(octets).exit is Exit.KEYS_NOT_CONFIRMED
    assert wrong(octets, everything()) == {"checkpoint"}


def test_receipts_and_seals_by_other_keys_than_those_brought_are_wrong(plain: BundleContent) -> None:
    assert wrong(bundle(plain), replace(everything(), hub_keys=frozenset({"of-somebody-else"}))) == {"receipt"}
    given = replace(everything(), hub_keys=frozenset({"of-somebody-else"}), documents=NO_ANCHORS)
    assert wrong(bundle(plain), given) == {"receipt", "seal"}


def test_after_a_change_of_keys_older_proofs_hold(plain: BundleContent) -> None:
    """The receipt's head was signed by the key before; the checkpoint by the one of now. Both stand in the bundle."""
    assert plain.log is not None
    vkeys = (log_verifier(b"X" * 32).vkey, log_verifier().vkey)
    later = replace(plain, log=replace(plain.log, note=note(b"X" * 32), vkeys=vkeys, stamps=()))
    given = replace(everything(), log_keys=(log_verifier(b"X" * 32),))
    assert checked(bundle(later), given).exit is Exit.PROVED


@pytest.mark.parametrize(
    "changes",
    [
        {"salt": "AAAA"},
        {"leaf": message().leaves[1].leaf},
        {"proof": entry().proof.replace("index 20", "index 19")},
        {"proof": entry().proof.replace("— lgsp/H15 ", "— lgsp/H16 ")},
        {"proof": ""},
    ],
)
def test_the_proof_that_a_receipt_carries_is_checked(plain: BundleContent, changes: dict[str, str]) -> None:
    """The hub could sign anything into a receipt; what it carries has to hold by itself."""
    token = statement_of(msgspec.json.encode(receipt(entry(**changes))), RECEIPT)
    assert wrong(bundle(replace(plain, messages=(replace(message(), receipt=token),))), everything()) == {"receipt"}


def test_a_seal_over_another_bundle_is_noticed(plain: BundleContent) -> None:
    octets = statement_of(statement(b"another manifest", MADE_AT), SEAL)
    file = io.BytesIO()
    build(plain, b"", file).seal(JWS_SEAL, octets)
    assert wrong(file.getvalue(), everything()) == {"seal"}


@pytest.mark.parametrize("index", [0, 1, 5])
def test_a_record_stands_where_it_says(plain: BundleContent, index: int) -> None:
    """Neither another place nor another proof shows it."""
    found = message().leaves
    for other in (replace_leaf(found[index], index=0), replace_leaf(found[index], hashes=found[index].hashes[:-1])):
        changed = replace(message(), leaves=(*found[:index], other, *found[index + 1 :]))
        assert wrong(bundle(replace(plain, messages=(changed,))), everything()) >= {"entries"}


def replace_leaf(one: Leaf, **changes: object) -> Leaf:
    return msgspec.structs.replace(one, **changes)


def test_records_of_others_do_not_pass_for_ours(plain: BundleContent) -> None:
    foreign = replace(message(), leaves=(*message().leaves, proven(leaves()[-2])))
    assert wrong(bundle(replace(plain, messages=(foreign,))), everything()) == {"entries"}


def test_another_envelope_under_the_same_record_is_noticed(plain: BundleContent) -> None:
    other: Envelope = msgspec.structs.replace(envelope(), body=b"{}")
    forged = replace(message(), envelope=other, digest=other.digest())
    assert wrong(bundle(replace(plain, messages=(forged,))), everything()) >= {"entries", "receipt", "signature"}


def test_a_manifest_is_written_in_one_way(plain: BundleContent) -> None:
    octets = resealed(
        bundle(plain), lambda name, octets: octets.replace(b'"hub": ', b'"hub":  ') if name == manifest.NAME else octets
    )
    with pytest.raises(Unreadable):
        checked(octets)
