"""Signed attachments as the intake meets them: real files in a blob store, real signatures, the real reader of PDF."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope
from lgsp.blobs.directory import DirectoryBlobs
from lgsp.core.signatures.places import signed_files
from lgsp.flow.signed_files import CheckerBusy, FileChecks
from lgsp.trust.isolated import PdfChecker
from signing.report import SignatureReport
from signing.trust import TrustBase
from tests import cms_signers, pdf_signers
from tests.cms_signers import CmsRecipe
from tests.signatures import AT, authority
from tests.unit.test_signing_cms_slow import in_ber

CODE = AgencyCode("H01.101")
TRUST = TrustBase(documents=authority().anchors())


@dataclass
class Desk:
    """Where files are uploaded and looked at."""

    blobs: DirectoryBlobs
    checks: FileChecks

    async def look(self, *files: tuple[str, str, bytes], sender: AgencyCode = CODE) -> list[tuple[int, SignatureReport]]:
        """`files`: name, media type, octets. Place and report of each signature."""
        attached = [await self._attached(*one) for one in files]
        envelope = Envelope(
            message_id="m",
            sender=sender,
            recipients=(CODE,),
            kind="case.result/1",
            created_at=AT,
            body=b"{}",
            attachments=tuple(attached),
        )
        return [(file.place, report) for file, report in await self.checks(signed_files(envelope), envelope, TRUST, AT)]

    async def _attached(self, name: str, media_type: str, octets: bytes) -> Attachment:
        async def chunks() -> AsyncIterator[bytes]:
            yield octets

        upload = await self.blobs.create_upload(CODE, len(octets), {}, datetime.now(UTC))
        done = await self.blobs.append(upload.upload_id, 0, chunks(), None)
        assert done.digest == "sha256:" + hashlib.sha256(octets).hexdigest()
        return Attachment(digest=done.digest, size_bytes=len(octets), media_type=media_type, name=name)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    blobs, pdfs = DirectoryBlobs(tmp_path, max_bytes=2**30), PdfChecker()
    yield Desk(blobs, FileChecks(blobs, pdfs.check_pdf))
    await pdfs.close()


def told(found: list[tuple[int, SignatureReport]]) -> list[tuple[int, str, str]]:
    return [(place, report.integrity.value, report.trust.value) for place, report in found]


SIGNED = pdf_signers.sign(pdf_signers.document())
PDF, ANY, P7S = "application/pdf", "application/octet-stream", "application/pkcs7-signature"


async def test_a_signed_pdf_is_verified_whatever_type_was_stated(desk: Desk) -> None:
    found = await desk.look(("a.pdf", PDF, SIGNED), ("Quyết định.PDF", ANY, SIGNED))
    assert told(found) == [(0, "intact", "trusted"), (1, "intact", "trusted")]


async def test_a_pdf_changed_after_it_was_signed_is_seen(desk: Desk) -> None:
    ((_, report),) = await desk.look(("a.pdf", PDF, SIGNED.replace(b"12/QD-UBND", b"92/QD-UBND", 1)))
    assert report.integrity.value != "intact"


@pytest.mark.parametrize("octets", [b"", b"%PDF-1.4 an example", b"PK\x03\x04 no PDF at all", pdf_signers.document()])
async def test_files_without_a_signature_have_nothing_to_say(desk: Desk, octets: bytes) -> None:
    """Whatever they are: what they contain is not the hub's business."""
    assert await desk.look(("a.pdf", PDF, octets)) == []


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
async def test_a_signature_beside_a_file_is_of_the_file_whose_name_it_bears(desk: Desk, digest: str) -> None:
    content = "Biên bản họp".encode() * 1000
    signature = detached(content, digest)
    files: list[tuple[str, str, bytes]] = [
        ("khác.docx", ANY, b"x"),
        ("biên bản.docx", ANY, content),
        ("biên bản.docx.p7s", P7S, signature),
    ]
    assert told(await desk.look(*files)) == [(2, "intact", "trusted")]
    files[1] = ("biên bản.docx", ANY, content + b".")
    assert told(await desk.look(*files)) == [(2, "not_intact", "not_checked")]


async def test_a_signature_of_no_file_here_cannot_be_verified(desk: Desk) -> None:
    ((_, report),) = await desk.look(("giấy.docx.p7s", P7S, detached(b"content", "sha256")))
    assert report.refusal is not None and report.refusal.rule.code == "cms.content_missing"


def detached(content: bytes, digest: str) -> bytes:
    return cms_signers.sign(content, recipe=CmsRecipe(digest=digest))


async def test_an_enclosing_cms_file_is_verified_by_itself(desk: Desk) -> None:
    signed = cms_signers.sign(b"content", recipe=CmsRecipe(attached=True))
    assert told(await desk.look(("a.p7m", "application/pkcs7-mime", signed))) == [(0, "intact", "trusted")]


async def test_who_floods_with_signed_files_waits_and_others_do_not(tmp_path: Path) -> None:
    """So many envelopes of one sender are looked at, the next one comes again; another sender's is let in."""
    blobs, open_again = DirectoryBlobs(tmp_path, max_bytes=2**30), asyncio.Event()

    async def slowly(*arguments: Any) -> Sequence[SignatureReport]:
        await open_again.wait()
        return ()

    desk = Desk(blobs, FileChecks(blobs, slowly))
    looking = [asyncio.create_task(desk.look(("a.pdf", PDF, SIGNED))) for _ in range(20)]
    ended = asyncio.as_completed(looking)
    for _ in range(4):
        with pytest.raises(CheckerBusy):
            await next(ended)
    other = asyncio.create_task(desk.look(("a.pdf", PDF, SIGNED), sender=AgencyCode("H01.102")))
    open_again.set()
    assert await other == []
    assert await asyncio.gather(*looking, return_exceptions=True)
    assert await desk.look(("a.pdf", PDF, SIGNED)) == []


async def test_slow_files_of_one_sender_leave_workers_to_others(tmp_path: Path) -> None:
    """However many of them wait: one is being read, and another sender's file beside it."""
    mine, other = SIGNED, SIGNED + b"\n"
    inside: list[bytes] = []
    of_one, of_both = asyncio.Event(), asyncio.Event()

    async def slowly(path: Path, *arguments: Any) -> Sequence[SignatureReport]:
        octets = path.read_bytes()
        inside.append(octets)
        if inside.count(mine) > 1:
            of_one.set()
        if {mine, other} <= set(inside):
            of_both.set()
        with suppress(TimeoutError):
            await asyncio.wait_for((of_one if of_both.is_set() else of_both).wait(), 0.2)
        inside.remove(octets)
        return ()

    blobs = DirectoryBlobs(tmp_path, max_bytes=2**30)
    desk = Desk(blobs, FileChecks(blobs, slowly))
    looking = [desk.look(("a.pdf", PDF, mine), ("b.pdf", PDF, mine)) for _ in range(3)]
    assert await asyncio.gather(*looking, desk.look(("a.pdf", PDF, other), sender=AgencyCode("H01.102"))) == [[]] * 4
    assert of_both.is_set() and not of_one.is_set()


async def test_a_signature_of_a_name_that_two_files_bear_is_of_neither(desk: Desk) -> None:
    """Nobody could say afterwards which of them was signed."""
    files = (("a.txt", ANY, b"other"), ("a.txt", ANY, b"content"), ("a.txt.p7s", P7S, detached(b"content", "sha256")))
    ((_, report),) = await desk.look(*files)
    assert report.refusal is not None and report.refusal.rule.code == "cms.content_missing"


async def test_a_signature_in_ber_is_brought_into_der(desk: Desk) -> None:
    """And of any digest; the report says that it was."""
    content = b"minutes of a meeting"
    files = (("a.txt", ANY, content), ("a.txt.p7s", P7S, in_ber(detached(content, "sha512"))))
    ((_, report),) = await desk.look(*files)
    assert (report.integrity.value, report.re_encoded) == ("intact", True)
