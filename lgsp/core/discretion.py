"""What a far side says goes into the journal, into the log and to the sender: without the secret that it was told."""

import dataclasses
import re

from contracts.outcome import Delivered, Outcome

WITHHELD = "[withheld]"
_SHORTEST = 8  # characters; less stands in many a text by chance
_BETWEEN = re.compile(r"[\s:]+")  # a secret may hold several: "key:secret", tokens by spaces


def without(secret: str, text: str) -> str:
    """`text` with `secret`, and whatever it is made of, taken out."""
    for one in sorted({secret, *_BETWEEN.split(secret)}, key=len, reverse=True):
        if len(one) >= _SHORTEST:
            text = text.replace(one, WITHHELD)
    return text


def discreet(outcome: Outcome, secret: str) -> Outcome:
    """Some systems repeat in a refusal what they were asked with."""
    if isinstance(outcome, Delivered):
        return dataclasses.replace(outcome, remote_ref=without(secret, outcome.remote_ref))
    return dataclasses.replace(outcome, detail=without(secret, outcome.detail))
