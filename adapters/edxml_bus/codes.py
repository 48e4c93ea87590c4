"""The error codes of the buses, and what they mean here. Pure.

Codes and their meaning: the integration guide of one province (README). The national bus answers in the same grammar, but a list
of its codes was never published, so its facade uses these too.
"""

from collections.abc import Mapping
from types import MappingProxyType

from contracts.receipt import Refusal

OK = "0"
INVALID_FILE = "10"
WRONG_SECRET = "15"  # noqa: S105 - the name of an error
UNKNOWN_RECIPIENT = "18"
SENDER_NOT_REGISTERED = "19"
BUS_ERROR = "20"
FILE_PROCESSING = "21"
PACKET_FORMAT = "22"
RECIPIENT_LOCKED = "23"
NOT_DOWNLOADED = "100"  # what the Java library says itself

# What a code means to a sender: come again, or not.
TRANSIENT = frozenset({BUS_ERROR, NOT_DOWNLOADED})
REFUSALS = frozenset({INVALID_FILE, UNKNOWN_RECIPIENT, SENDER_NOT_REGISTERED, FILE_PROCESSING, PACKET_FORMAT, RECIPIENT_LOCKED})

_MAX_FIELD_CHARS, _MAX_DETAIL_CHARS = 200, 500

_BY_CODE: Mapping[str, str] = MappingProxyType(
    {
        "auth.sender_mismatch": SENDER_NOT_REGISTERED,
        "auth.agency_closed": SENDER_NOT_REGISTERED,
        "route.recipient_closed": RECIPIENT_LOCKED,
        "route.ambiguous_successor": RECIPIENT_LOCKED,
        "route.unknown_recipient": UNKNOWN_RECIPIENT,
        "agency.unknown": UNKNOWN_RECIPIENT,
        "agency.code_malformed": UNKNOWN_RECIPIENT,
        "request.malformed": INVALID_FILE,
        "request.too_large": INVALID_FILE,
        "request.media_type_unsupported": INVALID_FILE,
    }
)
_BY_KIND: Mapping[str, str] = MappingProxyType(
    {"auth": WRONG_SECRET, "grant": SENDER_NOT_REGISTERED, "attachment": FILE_PROCESSING, "edxml": PACKET_FORMAT}
)


def error_code(refusal: Refusal) -> str:
    """Transient troubles of the hub are 20 whatever they are: clients come again for no other code."""
    if refusal.retryable or refusal.status >= 500:
        return BUS_ERROR
    found = _BY_CODE.get(refusal.code) or _BY_KIND.get(refusal.code.partition(".")[0])
    return found or PACKET_FORMAT


def description(refusal: Refusal) -> str:
    """In both languages, for the person who reads the client's log: what is wrong, where, and how to mend it."""
    where = f" [{refusal.field[:_MAX_FIELD_CHARS]}]" if refusal.field else ""
    detail = f": {refusal.detail[:_MAX_DETAIL_CHARS]}" if refusal.detail else ""
    vietnamese = f"{refusal.title_vi}{where}{detail}. {refusal.remedy_vi}"
    return f"{vietnamese} / {refusal.title_en}. {refusal.remedy_en} ({refusal.code})"
