"""What the hub answers: a receipt when it took an envelope over, a refusal when it did not."""

from datetime import datetime
from typing import Annotated

import msgspec

from contracts.agency import AgencyCode
from contracts.problems import CATALOGUE


class DeliveryRef(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery of an accepted envelope; `addressed_as` only where the sender wrote another code (an alias, a closed code).

    `number`: of all deliveries from this sender to this recipient, dense from 1: what is missing between two numbers was kept
    back from somebody.
    """

    delivery_id: int
    recipient: AgencyCode
    addressed_as: AgencyCode | None = None
    number: int | msgspec.UnsetType = msgspec.UNSET  # none where it was accepted before they were counted


class LogEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What proves, to whoever has the key of the hub's log, that the hub wrote this down and can never take it back.

    `leaf`: the record, octet for octet; its hash is SHA-256 over a zero byte and these octets (RFC 6962, 2.1). `salt`: base64, 16
    bytes; the digests in the record are base64 of SHA-256 over the salt and what they stand for. `proof`: C2SP tlog-proof, the
    record's place, the hashes that lead from it to the head of the log, and that head as the hub signed it.
    """

    leaf: str
    proof: str
    salt: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The hub has the envelope on disk and answers for it. The same resend gets the same receipt, byte for byte."""

    hub: AgencyCode
    sender: AgencyCode
    message_id: str
    digest: str  # "sha256:" + hex of the envelope as accepted, see Envelope.digest
    sequence: int  # place in the hub's order of acceptance, dense from 1
    accepted_at: Annotated[datetime, msgspec.Meta(tz=True)]  # aware, UTC, the hub's clock
    deliveries: tuple[DeliveryRef, ...]
    log: LogEntry | None = None  # of the record "accepted/1", whose digest is that of `digest`


class Refusal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The hub did not take the envelope over and nothing of it was stored: why, where, and how to mend it.

    The last three stand in what the hub signs: of what, from whom (`sender`: the agency that called) and when.
    """

    code: str
    status: int
    retryable: bool
    title_vi: str
    title_en: str
    remedy_vi: str
    remedy_en: str
    field: str = ""
    detail: str = ""
    message_id: str | None = None
    sender: str | None = None
    hub: str | None = None
    received_digest: str | None = None  # "sha256:" + hex of the octets that were refused, as they came; of a batch, of the line
    refused_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    log: LogEntry | None = None  # of the record "refused/1", whose digest is that of `received_digest`

    @classmethod
    def of(
        cls, code: str, field: str = "", detail: str = "", *, message_id: str | None = None, sender: str | None = None
    ) -> "Refusal":
        """Raises KeyError for a code that the catalogue does not have: that is a bug."""
        problem = CATALOGUE[code]
        return cls(
            code=code,
            status=problem.status,
            retryable=problem.retryable,
            title_vi=problem.title_vi,
            title_en=problem.title_en,
            remedy_vi=problem.remedy_vi,
            remedy_en=problem.remedy_en,
            field=field,
            detail=detail,
            message_id=message_id,
            sender=sender,
        )
