"""Who may see what: the sender all of an envelope but subscribers' copies, a recipient its own part, anybody else nothing."""

from lgsp.core.directory import Agency, Directory
from lgsp.ports import DeliveryRecord, EnvelopeRecord, Event


def is_operator(caller: Agency) -> bool:
    """The hub's own people, who call as the hub itself."""
    return caller.level == "hub"


def is_sender(record: EnvelopeRecord, caller: Agency, directory: Directory) -> bool:
    """The sender may have written one of its other codes."""
    sender = record.envelope.sender
    if sender == caller.code:
        return True
    known = directory.known_as(sender, record.envelope.created_at.date())
    return known is not None and known.code == caller.code


def is_party(record: EnvelopeRecord, caller: Agency, directory: Directory) -> bool:
    return is_sender(record, caller, directory) or any(one.recipient == caller.code for one in record.deliveries)


def visible_deliveries(record: EnvelopeRecord, caller: Agency, directory: Directory) -> tuple[DeliveryRecord, ...]:
    if is_sender(record, caller, directory):
        return tuple(one for one in record.deliveries if not one.copy or one.recipient == caller.code)
    return tuple(one for one in record.deliveries if one.recipient == caller.code)


def visible_events(events: list[Event], record: EnvelopeRecord, caller: Agency, directory: Directory) -> list[Event]:
    """Events of the envelope itself, and of the deliveries that the caller may see."""
    seen = {one.delivery_id for one in visible_deliveries(record, caller, directory)}
    return [event for event in events if event.delivery_id is None or event.delivery_id in seen]
