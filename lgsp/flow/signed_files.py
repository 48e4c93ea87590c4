"""Attachments that are signed, and signatures beside them: read from the blob store within bounds, and verified."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from weakref import WeakValueDictionary

from contracts.envelope import Attachment, Envelope
from lgsp.core.signatures.places import SignedFile
from lgsp.errors import Unavailable
from lgsp.flow.examination import FileReport
from lgsp.ports import Blobs
from signing.cms import Content, Digest, digest_method
from signing.cms_profiles import CMS
from signing.cms_slow import check_cms_slowly, der_of
from signing.profiles import SHA256, SHA384, SHA512
from signing.report import Integrity, Refusal, SignatureReport
from signing.rules import RULES
from signing.trust import TrustBase

_AT_ONCE = 2  # CMS files in memory
_WAITING, _WAITING_OF_ONE = 64, 16  # envelopes with signed files, in all and of one sender: reading a PDF may take seconds
_MARK = b"/ByteRange"  # stands in clear in every signed PDF: it names offsets in the file (ISO 32000-2, 12.8.1)
_PIECE_BYTES = 2**20
_HASHES = {SHA256: "sha256", SHA384: "sha384", SHA512: "sha512"}

CheckPdf = Callable[[Path, TrustBase, datetime], Awaitable[Sequence[SignatureReport]]]


class CheckerBusy(Unavailable):
    """As many signed files wait to be looked at as one wants to hold; the same bytes may come again."""

    code = "signature.checker_busy"
    retry_after_s = 5


class FileChecks:
    """An `examination.CheckFiles`. `check_pdf`: one report for each signature of a PDF; bounds by itself how many it reads at
    once."""

    def __init__(self, blobs: Blobs, check_pdf: CheckPdf) -> None:
        self._blobs = blobs
        self._check_pdf = check_pdf
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._waiting: Counter[str] = Counter()  # by sender
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by sender

    async def __call__(
        self, files: Sequence[SignedFile], envelope: Envelope, trust: TrustBase, at: datetime
    ) -> Sequence[FileReport]:
        """Raises ContractError "attachment.unknown" for a file that is gone, CheckerBusy, Unavailable when the store is."""
        sender = envelope.sender
        if self._waiting.total() >= _WAITING or self._waiting[sender] >= _WAITING_OF_ONE:
            raise CheckerBusy(f"{self._waiting[sender]} envelopes of {sender} wait, {self._waiting.total()} in all")
        self._waiting[sender] += 1
        try:
            return await self._look(files, envelope, trust, at)
        finally:
            self._waiting -= Counter({sender: 1})  # and forgets who has none

    async def _look(
        self, files: Sequence[SignedFile], envelope: Envelope, trust: TrustBase, at: datetime
    ) -> Sequence[FileReport]:
        """One file of a sender at a time: whoever sends slow ones leaves the other workers to others."""
        found: list[FileReport] = []
        turn = self._turns.setdefault(envelope.sender, asyncio.Lock())
        for file in files:
            async with turn:
                reports = await self._reports(file, envelope, trust, at)
            found += [(file, report) for report in reports if report.integrity is not Integrity.ABSENT]
        return found

    async def _reports(self, file: SignedFile, envelope: Envelope, trust: TrustBase, at: datetime) -> Sequence[SignatureReport]:
        if file.form == "pdf":
            return await self._of_pdf(file.attachment.digest, trust, at)
        async with self._room:
            return (await self._of_cms(file, envelope, trust, at),)

    async def _of_pdf(self, digest: str, trust: TrustBase, at: datetime) -> Sequence[SignatureReport]:
        """Whatever the file is and however large: where nothing is signed there is nothing to say."""
        async with self._blobs.as_file(digest) as path:
            return await self._check_pdf(path, trust, at) if await asyncio.to_thread(_bears_signature, path) else ()

    async def _of_cms(self, file: SignedFile, envelope: Envelope, trust: TrustBase, at: datetime) -> SignatureReport:
        size_bytes = file.attachment.size_bytes
        if size_bytes > CMS.caps.octets:
            refusal = Refusal(RULES["cms.too_large"], "", f"{size_bytes} bytes")
            return SignatureReport(profile=CMS.name, integrity=Integrity.NOT_VERIFIABLE, refusal=refusal)
        octets = b"".join([chunk async for chunk in self._blobs.read(file.attachment.digest)])
        content = None if file.content is None else await self._digest(octets, envelope.attachments[file.content])
        return (await asyncio.to_thread(check_cms_slowly, octets, content, CMS, trust, at)).report

    async def _digest(self, octets: bytes, content: Attachment) -> Content:
        """What stands for a file of any size. Its SHA-256 is its name, which the store has verified."""
        method = digest_method(octets, CMS) or digest_method(await asyncio.to_thread(der_of, octets, CMS), CMS) or SHA256
        if method == SHA256:
            return Digest(SHA256, bytes.fromhex(content.digest.partition(":")[2]), content.size_bytes)
        running = hashlib.new(_HASHES[method])
        async for chunk in self._blobs.read(content.digest):
            running.update(chunk)
        return Digest(method, running.digest(), content.size_bytes)


def _bears_signature(path: Path) -> bool:
    before = b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            if _MARK in before + piece:
                return True
            before = piece[-len(_MARK) :]
    return False
