"""Anchors as files, and what every process makes of them while it runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lgsp.trust.demo_pki import DemoPki
from lgsp.trust.live import LiveTrust
from lgsp.trust.store import TrustStore, TrustUnreadable, find, fingerprint
from lgsp.trust.wanted import WantedFolder
from signing.names import issuer_id
from signing.report import Signer, Trust
from signing.snapshot import CrlFacts, RevocationSnapshot, Scope, encode

AT = datetime(2026, 11, 28, 8, tzinfo=UTC)
CODE = "H01.101"


@pytest.fixture(scope="module")
def pki() -> DemoPki:
    return DemoPki.make({CODE: "Ủy ban nhân dân xã Mỹ Hòa Hưng"}, AT)


@pytest.fixture
def store(tmp_path: Path) -> TrustStore:
    return TrustStore(tmp_path / "trust")


@pytest.fixture
def live(store: TrustStore, tmp_path: Path) -> LiveTrust:
    return LiveTrust(store, tmp_path / "snapshot.bin", WantedFolder(tmp_path / "wanted"), poll_s=0.01)


def snapshot(pki: DemoPki, at: datetime = AT) -> bytes:
    facts = CrlFacts(
        issuer=issuer_id(pki.document_anchor),
        this_update=at,
        next_update=at + timedelta(days=1),
        scope=Scope.ALL,
        points=(),
        complete=True,
        keeps_expired_since=None,
        entries=b"",
        octets=at.isoformat().encode(),
    )
    return encode(RevocationSnapshot(at, (facts,)))


def seal_stands(live: LiveTrust, pki: DemoPki) -> Trust:
    holder = pki.seal(CODE)
    signer, *others = (
        Signer(one.public_bytes(Encoding.DER), one, one.public_key()) for one in (holder.certificate, *holder.issuers)
    )
    return live.current.standing(signer, tuple(others), AT).path.trust


def test_what_was_added_is_found_with_what_was_said_of_it(store: TrustStore, pki: DemoPki) -> None:
    """By the beginning of its fingerprint, however that is written."""
    path = store.add(pki.document_anchor, "documents", at=AT, by="lan", note="công văn 12/CTS")
    (one,) = store.load().kept
    assert (one.purpose, one.path, one.by, one.note, one.added) == ("documents", path, "lan", "công văn 12/CTS", AT.isoformat())
    own = fingerprint(pki.document_anchor)
    assert find([one], own[:8].upper()) == find([one], ":".join((own[:2], own[2:4]))) == [one]
    assert find([one], "") == []
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_note_cannot_write_other_lines(store: TrustStore, pki: DemoPki) -> None:
    """Nor end the text and begin a certificate."""
    store.add(pki.document_anchor, "documents", at=AT, by="lan", note="x\nBy: another\n-----BEGIN CERTIFICATE-----\n")
    (one,) = store.load().kept
    assert one.by == "lan"


def test_purposes_are_kept_apart(store: TrustStore, pki: DemoPki) -> None:
    """An anchor for time-stamps makes no document trusted, an intermediate makes nothing trusted."""
    store.add(pki.time_stamp_anchor, "time-stamps", at=AT, by="lan", note="")
    store.add(pki.seal(CODE).issuers[0], "intermediates", at=AT, by="lan", note="")
    trusted = store.load()
    assert trusted.documents.certificates == ()
    assert trusted.time_stamps.certificates == (pki.time_stamp_anchor,)
    assert trusted.documents.intermediates == pki.seal(CODE).issuers


def test_what_is_removed_is_gone(store: TrustStore, pki: DemoPki) -> None:
    """The file too."""
    store.add(pki.document_anchor, "documents", at=AT, by="lan", note="")
    store.remove(store.load().kept[0])
    assert store.load().kept == ()


def test_files_that_were_put_there_count(store: TrustStore, pki: DemoPki, tmp_path: Path) -> None:
    """Configuration management knows no command of ours; drafts under other names do not count."""
    folder = tmp_path / "trust/anchors/documents"
    folder.mkdir(parents=True)
    (folder / "national.pem").write_bytes(pki.document_anchor.public_bytes(Encoding.PEM))
    (folder / ".national.pem.1234").write_text("half a certif")
    assert [one.certificate for one in store.load().kept] == [pki.document_anchor]


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_without_a_certificate_is_named(store: TrustStore, content: bytes, tmp_path: Path) -> None:
    """Half a set of anchors must not pass for a whole one."""
    folder = tmp_path / "trust/anchors/documents"
    folder.mkdir(parents=True)
    (folder / "broken.pem").write_bytes(content)
    with pytest.raises(TrustUnreadable, match=r"broken\.pem"):
        store.load()


def test_a_running_process_follows_anchors(live: LiveTrust, store: TrustStore, pki: DemoPki) -> None:
    """Added, then removed; a value that somebody holds stays what it was."""
    live.refresh()
    assert seal_stands(live, pki) is Trust.NOT_CHECKED
    store.add(pki.document_anchor, "documents", at=AT, by="lan", note="")
    live.refresh()
    before = live.current
    assert seal_stands(live, pki) is Trust.TRUSTED
    store.remove(store.load().kept[0])
    live.refresh()
    assert seal_stands(live, pki) is Trust.NOT_CHECKED
    assert before.documents.certificates and before.version != live.current.version


def test_nothing_is_read_again_while_nothing_changes(live: LiveTrust, store: TrustStore, pki: DemoPki) -> None:
    """What a value remembers of paths is worth keeping."""
    store.add(pki.document_anchor, "documents", at=AT, by="lan", note="")
    live.refresh()
    value = live.current
    live.refresh()
    assert live.current is value


def test_a_broken_anchor_leaves_the_last_value(live: LiveTrust, store: TrustStore, pki: DemoPki, tmp_path: Path) -> None:
    """Traffic goes on with what was read before."""
    store.add(pki.document_anchor, "documents", at=AT, by="lan", note="")
    live.refresh()
    (tmp_path / "trust/anchors/documents/broken.pem").write_text("x")
    with pytest.raises(TrustUnreadable):
        live.refresh()
    assert seal_stands(live, pki) is Trust.TRUSTED


def test_a_new_snapshot_is_taken_over_and_a_torn_one_is_not(live: LiveTrust, pki: DemoPki, tmp_path: Path) -> None:
    """The last whole one serves on."""
    path = tmp_path / "snapshot.bin"
    live.refresh()
    assert live.current.snapshot.crls == ()
    path.write_bytes(snapshot(pki))
    live.refresh()
    known = live.current.snapshot
    assert len(known.crls) == 1
    path.write_bytes(snapshot(pki, AT + timedelta(hours=1))[:-1])
    live.refresh()
    assert live.current.snapshot is known
    path.write_bytes(snapshot(pki, AT + timedelta(hours=1)))
    live.refresh()
    assert live.current.snapshot.crls[0].this_update == AT + timedelta(hours=1)


def test_what_is_wanted_is_written_once_in_half_a_minute(live: LiveTrust, pki: DemoPki, tmp_path: Path) -> None:
    """A flood of documents of one signer is one question; what leads to no anchor is none."""
    seal = pki.seal(CODE)
    chain = (seal.certificate, *seal.issuers, pki.document_anchor)
    for _ in range(1000):
        live.want(chain)
    live.want(())
    live.want((pki.document_anchor,))
    live._once()
    wanted = WantedFolder(tmp_path / "wanted")
    assert wanted.news() == [chain]
    live.want(chain)
    live._once()
    assert wanted.news() == []


def test_asking_again_is_news_and_damaged_files_are_none(pki: DemoPki, tmp_path: Path) -> None:
    """Whoever looks for the first time gets everything, in the order of asking."""
    folder, chain = WantedFolder(tmp_path / "wanted"), (pki.seal(CODE).certificate, pki.document_anchor)
    assert folder.news() == []
    folder.ask(chain)
    assert folder.news() == [chain] and folder.news() == []
    folder.ask(chain)
    (tmp_path / "wanted/x.pem").write_text("x")
    assert folder.news() == [chain]
    other = (pki.person(CODE).certificate, pki.document_anchor)
    folder.ask(other)
    assert WantedFolder(tmp_path / "wanted").news() == [chain, other]
    folder.forget(chain[0])
    assert WantedFolder(tmp_path / "wanted").news() == [other]
