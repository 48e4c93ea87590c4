"""What checking a bundle came to: one finding for each thing that was looked at, and one word for all of them."""

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum, StrEnum

import msgspec

from lgsp.evidence.manifest import Manifest


class State(StrEnum):
    """Of one finding. The worst of all decides."""

    FITS = "fits"
    UNCONFIRMED = "unconfirmed"  # fits, by a key or an anchor that only stands in the bundle itself
    WRONG = "wrong"
    NOT_HERE = "not_here"  # nothing to look at: never made, erased, or not for whom the bundle was made


class Exit(IntEnum):
    """Exit status of `lgsp evidence verify`."""

    PROVED = 0  # everything fits, and every key and anchor that it rests on was given from outside
    WRONG = 1
    UNREADABLE = 2  # not a bundle of a format that this program knows; also what click says of wrong options
    KEYS_NOT_CONFIRMED = 3  # everything fits together; whose keys these are somebody has to compare


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`what`: key of `words.CHECKS`; `place`: file, or "sender/message_id", and what of it; `detail`: others' text, too."""

    what: str
    state: State
    place: str = ""
    detail: str = ""


class ShownKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that the bundle rests on. `role`: key of `words.KEYS`; `text`: what to compare: the vkey of a log or a witness, the
    thumbprint (RFC 7638) of a key of the hub, the SHA-256 of a certificate; `confirmed`: it was given from outside, too."""

    role: str
    name: str
    text: str
    confirmed: bool


class Happening(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One proven line of a message's timeline. `index`: of its leaf in the log."""

    index: int
    at: datetime
    name: str
    recipient: str = ""
    attempt: int | None = None
    reason: str = ""
    detail: str = ""
    number: int | None = None


class Proven(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message, as far as the log proves it."""

    sender: str
    message_id: str
    kind: str
    accepted_at: datetime
    verdict: str
    timeline: tuple[Happening, ...]


class Tree(msgspec.Struct, frozen=True):
    """The tree of the checkpoint. `confirmed`: by a key of the log that was given from outside."""

    size: int
    root: bytes
    confirmed: bool


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """`file_sha256`: of the whole bundle, hex. `tree_size`, `root`: of the checkpoint; 0 and "" where there is no log."""

    file_sha256: str
    hub: str
    subject: str
    view: str
    made_for: str
    made_at: datetime | None
    origin: str
    tree_size: int
    root: str
    findings: tuple[Finding, ...]
    keys: tuple[ShownKey, ...]
    messages: tuple[Proven, ...]

    @classmethod
    def of(
        cls,
        file_sha256: str,
        stated: Manifest | None,
        tree: Tree | None,
        findings: tuple[Finding, ...],
        keys: tuple[ShownKey, ...],
        messages: tuple[Proven, ...],
    ) -> "Result":
        """`stated`: None where not even that could be read."""
        return cls(
            file_sha256=file_sha256,
            hub="" if stated is None else stated.hub,
            subject="" if stated is None else stated.subject,
            view="" if stated is None else stated.view,
            made_for="" if stated is None else stated.made_for,
            made_at=None if stated is None else stated.made_at,
            origin="" if stated is None else stated.origin,
            tree_size=0 if tree is None else tree.size,
            root="" if tree is None else tree.root.hex(),
            findings=findings,
            keys=keys,
            messages=messages,
        )

    @property
    def exit(self) -> Exit:
        return exit_of(self.findings)


def exit_of(findings: Iterable[Finding]) -> Exit:
    states = {one.state for one in findings}
    if State.WRONG in states:
        return Exit.WRONG
    return Exit.KEYS_NOT_CONFIRMED if State.UNCONFIRMED in states else Exit.PROVED
