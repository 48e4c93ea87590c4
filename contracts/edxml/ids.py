"""Identifiers of documents and packets.

`DocumentId` (QCVN 102:2016, 1.14) is the sender's: `OrganId,yyyy/MM/dd,number/notation`, in newer systems also a UUID. `docId` is
the bus's own, 24 hexadecimal digits: of what was sent through the hub its message id, of what was received its delivery.
"""

import hashlib
import re
from datetime import date

_THREE = re.compile(r"[^,\s][^,]*,\d{4}/\d{2}/\d{2},[^,]+", re.ASCII)
_DOC_ID = re.compile(r"(?P<check>[0-9a-f]{8})(?P<delivery>[0-9a-f]{16})")


def document_id(organ_id: str, on: date, number: str, notation: str) -> str:
    """A DocumentId in three parts. Readers split at commas, so no part may have one: they become full stops."""
    parts = (organ_id, on.strftime("%Y/%m/%d"), f"{number}/{notation}")
    return ",".join(part.replace(",", ".") for part in parts)


def is_three_parts(text: str) -> bool:
    return _THREE.fullmatch(text) is not None


def sent_doc_id(*said: str | int | bytes) -> str:
    """Of a packet that was sent: the first 24 digits of SHA-256 over what makes it the same packet again."""
    running = hashlib.sha256()
    for part in said:
        octets = part if isinstance(part, bytes) else str(part).encode()
        running.update(len(octets).to_bytes(8, "big") + octets)
    return running.hexdigest()[:24]


def received_doc_id(delivery_id: int) -> str:
    """Of a packet that waits for the caller. Holds the delivery id, from 0 to 2^63."""
    return f"{_check(delivery_id)}{delivery_id:016x}"


def delivery_id_of(doc_id: str) -> int | None:
    """The delivery of a `received_doc_id`; None: it is none, so it may be the id of something sent."""
    found = _DOC_ID.fullmatch(doc_id.strip().lower())
    if found is None:
        return None
    delivery_id = int(found["delivery"], 16)
    return delivery_id if found["check"] == _check(delivery_id) else None


def _check(delivery_id: int) -> str:
    return hashlib.sha256(b"delivery %d" % delivery_id).hexdigest()[:8]
