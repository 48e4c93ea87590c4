"""What goes into a bundle, gathered and frozen: building and the report are functions of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from contracts.envelope import Attachment, Envelope
from lgsp.core.signatures.finding import Examination, Exhibit
from lgsp.evidence.manifest import Leaf
from signing.revocation import DEFAULT_GRACE, Grace


@dataclass(frozen=True, slots=True)
class MessageContent:
    """An envelope and all that is known of it.

    `envelope`: its body is empty where it was `erased`; `header`, `examined`: the octets that the log commits to; `receipt`:
    compact JWS; `receipt_xml`: signed XML, where the hub can; `partners`: JWKs of the sender's keys without certificate.
    """

    envelope: Envelope
    sequence: int
    accepted_at: datetime
    digest: str
    salt: bytes = b""
    header: bytes = b""
    erased: bool = False
    examination: Examination | None = None
    examined: bytes = b""
    exhibits: tuple[Exhibit, ...] = ()
    receipt: bytes = b""
    receipt_xml: bytes = b""
    leaves: tuple[Leaf, ...] = ()
    partners: tuple[Mapping[str, str], ...] = ()

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        return self.envelope.attachments


@dataclass(frozen=True, slots=True)
class LogContent:
    """`note`: the signed checkpoint; `vkeys`: of the log, all that sign or signed for it; `policy`: the hub's witness policy
    (C2SP tlog-policy), which names their keys; `stamps`: time-stamp tokens over the note, by authority."""

    origin: str
    note: bytes
    size: int
    vkeys: tuple[str, ...]
    policy: bytes = b""
    stamps: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class BundleContent:
    """`files`: attachments on disk by their digest; `jwks`: the hub's public keys; `stamp_anchors`: PEM of the authorities whose
    time-stamps the hub trusts; `names`: of agencies by their code, for people. The rest as in `Manifest`."""

    hub: str
    made_at: datetime
    made_for: str
    view: Literal["whole", "party"]
    subject: str
    messages: tuple[MessageContent, ...]
    jwks: bytes
    log: LogContent | None = None
    stamp_anchors: bytes = b""
    grace: Grace = DEFAULT_GRACE
    files: Mapping[str, Path] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
