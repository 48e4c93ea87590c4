"""What the hub needs of the world, as promises. Each port has several implementations and one compliance suite that all pass.

Share the promises, not a base class: every store is written natively.
"""

from lgsp.ports.blobs import BlobInfo, Blobs, Upload
from lgsp.ports.broker import Broker, Consignment, Subscription
from lgsp.ports.journal import Journal
from lgsp.ports.keeping import Archive, Erased, Erasure, Keeping, Keepsake
from lgsp.ports.log import Checkpoint, LogStore, Stamp
from lgsp.ports.marks import Marks
from lgsp.ports.records import DirectoryStore, Records, Store
from lgsp.ports.views import (
    Balance,
    Credential,
    DeadLetter,
    DeadLetterCount,
    DeliveryRecord,
    EnvelopeRecord,
    Event,
    HeldRecipient,
    HoldChange,
    Looked,
    MailboxEntry,
    Mismatch,
    Occurrence,
)
from lgsp.ports.vouching import Cosigner, GivenStamp, NotVouched, StampAuthority
from lgsp.ports.work import Accepted, Ref, Reused, Settled, Settlement, Work

__all__ = [
    "Accepted",
    "Archive",
    "Balance",
    "BlobInfo",
    "Blobs",
    "Broker",
    "Checkpoint",
    "Consignment",
    "Cosigner",
    "Credential",
    "DeadLetter",
    "DeadLetterCount",
    "DeliveryRecord",
    "DirectoryStore",
    "EnvelopeRecord",
    "Erased",
    "Erasure",
    "Event",
    "GivenStamp",
    "HeldRecipient",
    "HoldChange",
    "Journal",
    "Keeping",
    "Keepsake",
    "LogStore",
    "Looked",
    "MailboxEntry",
    "Marks",
    "Mismatch",
    "NotVouched",
    "Occurrence",
    "Records",
    "Ref",
    "Reused",
    "Settled",
    "Settlement",
    "Stamp",
    "StampAuthority",
    "Store",
    "Subscription",
    "Upload",
    "Work",
]
