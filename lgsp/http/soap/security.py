"""Messages signed by WS-Security: the Body that may be acted on is the one that was verified, and it is acted on once."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from lxml import etree

from contracts.errors import ContractError
from contracts.soap.message import XOP_INCLUDE, Message, inlined
from contracts.soap.mime import Related
from contracts.soap.verbatim import Verbatim
from lgsp.core.directory import Agency
from lgsp.errors import Overloaded
from lgsp.flow.examination import Looked
from lgsp.flow.intake import Intake
from signing.profiles import DSIG, SOAP
from signing.report import SignatureReport
from signing.soap import WSSE

SECURITY = f"{{{WSSE}}}Security"

_REMEMBERED_S = 1200  # longer than a Timestamp may be old, or lie ahead (`signing.profiles.SOAP`)
_MOST = 200_000


class ActedOn(NamedTuple):
    """What a message asks for. `looked`: the verdict on its signature; `mark`: what a second copy of it is known by."""

    body: etree._Element
    related: Related
    looked: Looked | None = None
    mark: bytes = b""


def is_signed(message: Message) -> bool:
    """Whether there is a signature in the Header, wherever: that it stands where it has to is verified later."""
    return any(next(block.iter(f"{{{DSIG}}}Signature"), None) is not None for block in message.headers)


async def acted_on(message: Message, caller: Agency, intake: Intake) -> ActedOn:
    """What was signed, with XOP Includes in place; files beside it were not, so it has none. Raises ContractError
    "request.too_large" or "signature.*"."""
    in_place = len(message.octets) + sum(len(part.octets) for part in message.related.parts) * 4 // 3
    if in_place > SOAP.caps.octets:
        raise ContractError("request.too_large", "/Envelope", f"{in_place} bytes signed, {SOAP.caps.octets} allowed")
    looked = await intake.look_at_message(await asyncio.to_thread(inlined, message), caller)
    assert looked.content is not None
    mark = _mark(looked.report)
    return ActedOn(looked.content, Related(root=message.octets, root_type=message.related.root_type), looked, mark)


def verbatim(message: Message, body: etree._Element) -> Callable[[etree._Element], bytes]:
    """The octets of an element of `body` as they came: the same place among all elements of the Body, and the same content."""
    whole = Verbatim(message.octets)

    @cache
    def places() -> dict[etree._Element, int]:
        """Of the elements of `body`, in the whole document as it came."""
        before = sum(1 for _ in message.root.iter()) - sum(1 for _ in message.body.iter())
        came = [place for place, one in enumerate(message.body.iter(), before) if one.tag != XOP_INCLUDE]
        return dict(zip(body.iter(), came, strict=False))

    def octets(element: etree._Element) -> bytes:
        place = places().get(element)
        if place is None:
            raise ContractError("soap.malformed", "/Envelope/Body")
        return whole.octets(place, element)

    return octets


def _mark(report: SignatureReport) -> bytes:
    """Of what was signed and by whom, not of the signature value, which can be written in more than one way (ECDSA)."""
    running = hashlib.sha256(b"" if report.signer is None else report.signer.der)
    for one in report.covered:
        running.update(f"\n{one.what} {one.digest_method} ".encode() + one.digest)
    return running.digest()


class Seen:
    """Signed messages of the last minutes, as this process met them. Other gateways may meet a copy once more: what repeats
    harmlessly elsewhere (the same envelope, a second acknowledgement) does so here."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._until: dict[bytes, datetime] = {}  # in the order of time

    def remember(self, mark: bytes) -> None:
        """Raises ContractError "soap.replayed", or Overloaded when there are too many to remember."""
        now = self._clock()
        while self._until and next(iter(self._until.values())) <= now:
            del self._until[next(iter(self._until))]
        if mark in self._until:
            raise ContractError("soap.replayed", "/Envelope/Header/Security")
        if len(self._until) >= _MOST:
            raise Overloaded(f"{_MOST} signed messages in {_REMEMBERED_S} s")
        self._until[mark] = now + timedelta(seconds=_REMEMBERED_S)

    def forget(self, mark: bytes) -> None:
        """It came to nothing, and the same message may come again."""
        self._until.pop(mark, None)
