"""What all senders share, and how much of it one of them may have. Pure."""

from contracts.envelope import Envelope

_UNIT_BYTES = 32 * 1024
_KEPT = 8  # one place in so many is kept for senders that have nothing in the room


def room_for(held: int, held_by_all: int, capacity: int) -> int:
    """How many places a sender that holds `held` of them may take now; `held_by_all` includes those.

    Dynamic thresholds (Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998): a sender may hold as much as is
    left free after it has taken. One that floods gets less than half, n of them less than 1/(n+1) each, and as much stays free
    for the others, without anybody counting senders. Whoever has nothing in the room may always take one place while there is
    one, and an eighth is kept for that: so a sender is turned away empty-handed only while hundreds are here.
    """
    free = capacity - held_by_all
    first = 1 if held == 0 and free > 0 else 0
    return max(first, (free - capacity // _KEPT - held) // 2)


def cost_of(envelope: Envelope) -> int:
    """What it takes of a commit: 1 for an ordinary one, more for large ones, so that nobody gets more by sending larger ones."""
    return 1 + len(envelope.body) // _UNIT_BYTES
