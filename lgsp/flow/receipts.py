"""The receipt again, out of what the journal holds."""

from contracts.agency import AgencyCode
from contracts.receipt import LogEntry, Receipt
from lgsp.core.receipts import delivery_ref, receipt_of
from lgsp.ports import EnvelopeRecord


def receipt_of_record(hub: AgencyCode, record: EnvelopeRecord, entry: LogEntry | None) -> Receipt:
    """The same as was given when it was accepted. `entry`: what proves it."""
    envelope = record.envelope
    deliveries = tuple(
        delivery_ref(one.delivery_id, one.recipient, one.addressed_as, one.number) for one in record.deliveries if not one.copy
    )
    return receipt_of(
        hub, envelope.sender, envelope.message_id, record.digest, record.sequence, record.accepted_at, deliveries, entry
    )
