"""What a message asks of messages sent before it: to be taken back, updated, replaced; or how such a request was answered."""

from typing import Literal

import msgspec

Action = Literal["recall", "update", "replace", "recall_agreed", "recall_refused"]
MAX_REASON_CHARS = 1000  # what systems in service allow; a longer one is cut here and stands whole in the body


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """Read out of a body. Says only what is asked: whether the sender may ask it is decided where the earlier message is known.

    `recall`, `update` and `replace` are about documents of the sender; `recall_agreed` and `recall_refused` are the answers of a
    recipient, which the regulation uses for updates too.
    """

    action: Action
    documents: tuple[str, ...]  # at least one, as an Identifier of scheme "document" carries it; may name the packet's own id
    reason: str = ""
    complete: bool = False  # the new document itself travels along: an undelivered earlier one may be dropped in its favour
