"""Attachments that are signed, and signatures beside them: read from the blob store within bounds, and verified."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from contracts.envelope import Attachment, Envelope
from lgsp.core.signatures.places import SignedFile
from lgsp.flow.examination import FileReport
from lgsp.ports import Blobs
from signing.cms import Content, Digest, check_cms, digest_method
from signing.cms_profiles import CMS
from signing.profiles import SHA256, SHA384, SHA512
from signing.report import Integrity, Refusal, SignatureReport
from signing.rules import RULES
from signing.trust import TrustBase

MAX_BYTES = 64 * 2**20  # of a signed PDF, or of a CMS file: what is held in memory to be verified
_AT_ONCE = 2  # files in memory
_REMEMBERED = 10_000
_MARK = b"/ByteRange"  # stands in clear in every signed PDF: what it names are offsets in the file (ISO 32000-2, 12.8.1)
_HASHES = {SHA256: "sha256", SHA384: "sha384", SHA512: "sha512"}

CheckPdf = Callable[[bytes, TrustBase, datetime], Awaitable[Sequence[SignatureReport]]]


class FileChecks:
    """An `examination.CheckFiles`. `check_pdf`: verdicts on every signature of a PDF; raises Unavailable when it is full."""

    def __init__(self, blobs: Blobs, check_pdf: CheckPdf) -> None:
        self._blobs = blobs
        self._check_pdf = check_pdf
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._unsigned: OrderedDict[str, None] = OrderedDict()  # PDFs without a signature, by digest

    async def __call__(
        self, files: Sequence[SignedFile], envelope: Envelope, trust: TrustBase, at: datetime
    ) -> Sequence[FileReport]:
        """Raises Unavailable, or ContractError "attachment.unknown" for a file that is gone."""
        found: list[FileReport] = []
        for file in files:
            async with self._room:
                reports = await self._reports(file, envelope, trust, at)
            found += [(file, report) for report in reports if report.integrity is not Integrity.ABSENT]
        return found

    async def _reports(self, file: SignedFile, envelope: Envelope, trust: TrustBase, at: datetime) -> Sequence[SignatureReport]:
        if file.form == "pdf":
            return await self._of_pdf(file.attachment, trust, at)
        if file.attachment.size_bytes > MAX_BYTES:
            return (_too_large("cms.too_large", CMS.name, file.attachment),)
        octets = b"".join([chunk async for chunk in self._blobs.read(file.attachment.digest)])
        content = None if file.content is None else await self._digest(octets, envelope.attachments[file.content])
        return ((await asyncio.to_thread(check_cms, octets, content, CMS, trust, at)).report,)

    async def _of_pdf(self, file: Attachment, trust: TrustBase, at: datetime) -> Sequence[SignatureReport]:
        if file.digest in self._unsigned:
            return ()
        octets = await self._signed_octets(file)
        if octets is None:
            self._unsigned[file.digest] = None
            if len(self._unsigned) > _REMEMBERED:
                self._unsigned.popitem(last=False)
            return ()
        if len(octets) < file.size_bytes:
            return (_too_large("pdf.too_large", "pades/1", file),)
        return await self._check_pdf(octets, trust, at)

    async def _signed_octets(self, file: Attachment) -> bytes | None:
        """The file, cut where it becomes too large; None: there is no signature in it."""
        kept, before, signed = bytearray(), b"", False
        async for chunk in self._blobs.read(file.digest):
            signed = signed or _MARK in before + chunk
            before = chunk[-len(_MARK) :]
            if len(kept) + len(chunk) <= MAX_BYTES:
                kept += chunk
            elif signed:
                break
        return bytes(kept) if signed else None

    async def _digest(self, octets: bytes, content: Attachment) -> Content:
        """What stands for a file that is too large to be held. Its SHA-256 is its name."""
        method = digest_method(octets, CMS) or SHA256
        if method == SHA256:
            return Digest(SHA256, bytes.fromhex(content.digest.partition(":")[2]), content.size_bytes)
        running = hashlib.new(_HASHES[method])
        async for chunk in self._blobs.read(content.digest):
            running.update(chunk)
        return Digest(method, running.digest(), content.size_bytes)


def _too_large(code: str, profile: str, file: Attachment) -> SignatureReport:
    refusal = Refusal(RULES[code], "", f"{file.size_bytes} bytes, {MAX_BYTES} are looked into")
    return SignatureReport(profile=profile, integrity=Integrity.NOT_VERIFIABLE, refusal=refusal)
