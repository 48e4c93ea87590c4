"""Who reads the journal for a bundle of evidence: gathers, has it typeset, built and sealed. What may go in others decide."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from contracts.agency import AgencyCode
from contracts.errors import ContractError
from contracts.kinds import find
from contracts.kinds.xml import to_xml
from contracts.receipt import Receipt
from lgsp.core.directory import Directory
from lgsp.core.log.note import NoteVerifier
from lgsp.core.log.record import MAX_SUBJECT_BYTES, Action, short
from lgsp.core.log.tiles import inclusion_from, wanted_for_inclusion
from lgsp.core.signatures.finding import Examination
from lgsp.errors import Overloaded
from lgsp.evidence.asic import CADES_SEAL, JWS_SEAL, Container
from lgsp.evidence.build import build
from lgsp.evidence.content import BundleContent, LogContent, MessageContent
from lgsp.evidence.manifest import Leaf
from lgsp.evidence.receipts import TYPE as RECEIPT
from lgsp.evidence.report import NoTypesetter, report
from lgsp.evidence.seals import TYPE as SEAL
from lgsp.evidence.seals import statement
from lgsp.evidence.zip_form import TooLarge
from lgsp.flow.evidence_parts import Part, attached, is_over, leaves_of
from lgsp.flow.log_keeper import LogKeeper
from lgsp.flow.receipts import receipt_of_record
from lgsp.log import get_logger
from lgsp.ports import Blobs, Checkpoint, EnvelopeRecord, Keepsake, Store
from signing.cms_sign import sign_detached
from signing.jose import JwkSet
from signing.keys import Signer
from signing.profiles import ENVELOPE_XADES
from signing.revocation import Grace
from signing.xml_sign import sign_enveloped

log = get_logger()

T = TypeVar("T")

MAX_BODIES_BYTES = 128 * 2**20  # of one bundle: they are held in memory
_AT_ONCE, _WAITING = 2, 8


class Sealer(Protocol):
    """The hub's keys: `lgsp.trust.keys.HubKeys`. Each that signs raises Unavailable."""

    @property
    def can_sign_xml(self) -> bool: ...

    def jwks(self) -> JwkSet: ...

    def log_verifiers(self, origin: str) -> Sequence[NoteVerifier]: ...

    async def statement(self, payload: bytes, typ: str) -> str: ...

    async def with_certificate(self, act: Callable[[Signer], T]) -> T: ...


class Asked(NamedTuple):
    """What is wanted, and for whom: as in `lgsp.evidence.manifest.Manifest`. `by`: who takes the whole away, for the log."""

    subject: str
    made_for: str
    view: Literal["whole", "party"]
    parts: Sequence[Part]
    by: str = ""


@dataclass(frozen=True, slots=True)
class House:
    """What of the hub goes into every bundle. `name`: for people; `stamp_anchors`: PEM; `policy`: of witnesses; `authorities`: of
    time-stamps, by the name under which the journal keeps them."""

    hub: AgencyCode
    name: str
    grace: Grace
    stamp_anchors: Callable[[], bytes]
    policy: bytes = b""
    authorities: tuple[str, ...] = ()


class EvidenceDesk:
    """A few bundles at a time; further ones are turned away. `keeper`: None where nothing is signed and no bundle is made."""

    def __init__(
        self,
        house: House,
        store: Store,
        blobs: Blobs,
        keys: Sealer,
        keeper: LogKeeper | None,
        directory: Callable[[], Directory],
        clock: Callable[[], datetime],
    ) -> None:
        self._house, self._store, self._blobs, self._keys, self._keeper = house, store, blobs, keys, keeper
        self._directory, self._clock = directory, clock
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def export(self, asked: Asked, file: IO[bytes]) -> None:
        """Writes the bundle to `file`, which is empty and can be sought in.

        Raises ContractError `evidence.too_large`, Overloaded, or Unavailable when the journal, the blob store or a token is.
        """
        if self._waiting >= _WAITING:
            raise Overloaded(f"{self._waiting} bundles of evidence are being made")
        if sum(one.record.body_bytes for one in asked.parts) > MAX_BODIES_BYTES:
            raise ContractError("evidence.too_large", "", f"more than {MAX_BODIES_BYTES} bytes of bodies")
        self._waiting += 1
        try:
            if asked.by:
                subject = short(asked.subject, MAX_SUBJECT_BYTES)
                await self._store.note([Action(at=self._clock(), name="evidence_exported", by=short(asked.by), subject=subject)])
            async with self._room, self._gathered(asked) as content:
                await self._seal(await asyncio.to_thread(_built, content, file))
        except TooLarge as error:
            raise ContractError("evidence.too_large", "", str(error)) from None
        finally:
            self._waiting -= 1

    @asynccontextmanager
    async def _gathered(self, asked: Asked) -> AsyncIterator[BundleContent]:
        """Attachments are there as files for as long as the block lasts."""
        keepsakes = [await self._keepsake(one.record.sequence) for one in asked.parts]
        shown = [leaves_of(kept, part) for kept, part in zip(keepsakes, asked.parts, strict=True)]
        last = max((index for leaves in shown for index in leaves), default=-1)
        head = None if last < 0 else await self._head(last)
        messages = [
            await self._message(part, kept, leaves, 0 if head is None else head.size)
            for part, kept, leaves in zip(asked.parts, keepsakes, shown, strict=True)
        ]
        async with AsyncExitStack() as stack:
            yield BundleContent(
                hub=self._house.hub,
                made_at=self._clock().replace(microsecond=0),
                made_for=asked.made_for,
                view=asked.view,
                subject=asked.subject,
                messages=tuple(messages),
                jwks=msgspec.json.encode(self._keys.jwks()),
                log=None if head is None else await self._log(head),
                stamp_anchors=await asyncio.to_thread(self._house.stamp_anchors),
                grace=self._house.grace,
                files=await self._files(stack, attached(keepsakes)),
                names=self._names(messages, asked.made_for),
            )

    async def _keepsake(self, sequence: int) -> Keepsake:
        found = await self._store.keepsake(sequence)
        assert found is not None  # records are never deleted
        return found

    async def _files(self, stack: AsyncExitStack, digests: Sequence[str]) -> dict[str, Path]:
        """Those that are still there."""
        found = {}
        for digest in digests:
            try:
                found[digest] = await stack.enter_async_context(self._blobs.as_file(digest))
            except ContractError:
                log.warning("evidence.incomplete", digest=digest)
        return found

    async def _head(self, last: int) -> Checkpoint:
        """The newest checkpoint with a time-stamp that has this leaf, else the newest one, else the tree as it is, signed now."""
        stamps = [await self._store.latest_stamp(one) for one in self._house.authorities]
        for size in sorted((one.size for one in stamps if one is not None and one.size > last), reverse=True):
            for one in await self._store.checkpoints(size - 1, 1):
                return one
        latest = await self._store.latest_checkpoint()
        if latest is not None and latest.size > last:
            return latest
        tree = await self._store.log_head()
        return Checkpoint(tree.size, (await self._signer.sign(tree, tree)).encode(), self._clock())

    async def _log(self, head: Checkpoint) -> LogContent:
        stamps = await self._store.stamps(head.size)
        origin = self._signer.origin
        vkeys = tuple(one.vkey for one in self._keys.log_verifiers(origin))
        tokens = tuple((one.authority, one.token) for one in stamps if is_over(one.token, head.note, self._clock()))
        return LogContent(origin, head.note, head.size, vkeys, self._house.policy, tokens)

    async def _message(self, part: Part, kept: Keepsake, leaves: Mapping[int, Leaf], size: int) -> MessageContent:
        record = part.record
        examination = None if kept.examination is None else msgspec.json.decode(kept.examination, type=Examination)
        digests = () if examination is None else [one for each in examination.findings for one in each.evidence]
        receipt = await self._receipt(record) if part.receipt else None
        return MessageContent(
            envelope=msgspec.structs.replace(record.envelope, body=kept.body or b""),
            sequence=record.sequence,
            accepted_at=record.accepted_at,
            digest=record.digest,
            salt=kept.salt or b"",
            header=kept.header,
            erased=kept.body is None,
            examination=examination,
            examined=kept.examination or b"",
            exhibits=tuple(await self._store.exhibits(digests)),
            receipt=b"" if receipt is None else await self._signed(receipt),
            receipt_xml=b"" if receipt is None else await self._signed_xml(receipt),
            leaves=await self._proven(leaves, size),
            partners=self._partners(record, examination),
        )

    async def _proven(self, leaves: Mapping[int, Leaf], size: int) -> tuple[Leaf, ...]:
        spans = {span for index in leaves for span in wanted_for_inclusion(index, size)}
        found = await self._store.log_hashes(tuple(spans))
        return tuple(
            msgspec.structs.replace(one, hashes=inclusion_from(index, size, found)) for index, one in sorted(leaves.items())
        )

    async def _receipt(self, record: EnvelopeRecord) -> Receipt:
        entry = None if record.place is None else await self._signer.entry_at(record.place)
        return receipt_of_record(self._house.hub, record, entry)

    @property
    def _signer(self) -> LogKeeper:
        assert self._keeper is not None
        return self._keeper

    async def _signed(self, receipt: Receipt) -> bytes:
        return (await self._keys.statement(msgspec.json.encode(receipt), RECEIPT)).encode()

    async def _signed_xml(self, receipt: Receipt) -> bytes:
        """Where the hub has a certificate, and XML can say it."""
        if not self._keys.can_sign_xml:
            return b""
        try:
            octets = to_xml(find("receipt/1"), receipt)
        except ContractError:
            return b""
        now = self._clock()
        return await self._keys.with_certificate(lambda signer: sign_enveloped(octets, signer, now, ENVELOPE_XADES))

    async def _seal(self, container: Container) -> None:
        now = self._clock()
        if self._keys.can_sign_xml:
            octets = await self._keys.with_certificate(lambda signer: sign_detached(container.manifest(CADES_SEAL), signer, now))
            container.seal(CADES_SEAL, octets)
        else:
            token = await self._keys.statement(statement(container.manifest(JWS_SEAL), now), SEAL)
            container.seal(JWS_SEAL, token.encode())

    def _partners(self, record: EnvelopeRecord, examination: Examination | None) -> tuple[Mapping[str, str], ...]:
        """Keys without certificate that signed it, as far as they are still registered."""
        if examination is None or not any(one.key for one in examination.findings):
            return ()
        sender = self._directory().known_as(record.envelope.sender, record.accepted_at.date())
        return () if sender is None else tuple(one.jwk for one in sender.signers if one.jwk)

    def _names(self, messages: Sequence[MessageContent], made_for: str) -> dict[str, str]:
        recipients = (delivery for one in messages for delivery in one.envelope.recipients)
        codes = {self._house.hub, made_for, *(one.envelope.sender for one in messages), *recipients}
        agencies = self._directory().agencies
        return {self._house.hub: self._house.name} | {code: agencies[code].name_vi for code in codes if code in agencies}


def _built(content: BundleContent, file: IO[bytes]) -> Container:
    """Up to the seal. Blocking."""
    try:
        octets = report(content)
    except NoTypesetter:
        octets = b""
        log.warning("evidence.unreported", subject=content.subject)
    return build(content, octets, file)
