"""manifest.json of a bundle: what is in it, and how the files belong together. Its format has a name; readers refuse others."""

from datetime import datetime
from typing import Literal

import msgspec

from signing.revocation import DEFAULT_GRACE, Grace

FORMAT = "lgsp-evidence/1"
NAME = "manifest.json"
REPORT = "report.pdf"
JWKS, LOG_KEY, WITNESSES, STAMP_ANCHORS = "keys/jwks.json", "keys/log.vkey", "keys/witnesses.txt", "keys/time-stamps.pem"
CHECKPOINT = "log/checkpoint.txt"
MAX_MANIFEST_BYTES = 64 * 2**20


class Leaf(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A record of the log: octets as text, place, and its proof in the tree of the checkpoint. `salt` opens the digests in it;
    `detail`: the text that one of them is of."""

    index: int
    leaf: str
    hashes: tuple[bytes, ...]
    salt: bytes = b""
    detail: str = ""


class Attached(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """`file`: its octets; "": they are not here (`Message.erased`)."""

    name: str
    digest: str
    size_bytes: int
    media_type: str
    file: str = ""


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One envelope. Files are named by their place in the container; "": there is none.

    `digest`: text of `contracts.envelope.Envelope.digest`; `salt`: of the digests in its first leaf; `envelope`: JSON as in the
    interfaces, body inside; `header`: as the journal keeps it, which the log commits to; `body`: the same body alone;
    `erased`: the octets were erased under a retention rule. `leaves`: that of its acceptance first, in the order of the log;
    `partners`: JWKs of keys without certificate that the sender had registered.
    """

    sender: str
    message_id: str
    sequence: int
    accepted_at: datetime
    digest: str
    salt: bytes = b""
    erased: bool = False
    envelope: str = ""
    header: str = ""
    body: str = ""
    attachments: tuple[Attached, ...] = ()
    examination: str = ""
    receipt: str = ""
    receipt_xml: str = ""
    leaves: tuple[Leaf, ...] = ()
    partners: tuple[dict[str, str], ...] = ()


class Manifest(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag=FORMAT, tag_field="format"
):
    """`subject`: the case or the envelope that was asked for; `made_for`: an agency that sees its own part (`view` party), or the
    operator, who sees all; `grace`: how old evidence of revocation may be here; `stamps`: files of time-stamp tokens over the
    checkpoint; `exhibits`: file of each certificate, CRL, OCSP answer and time-stamp that verdicts rest on, by its digest
    ("sha256:" + hex)."""

    hub: str
    made_at: datetime
    made_for: str
    view: Literal["whole", "party"]
    subject: str
    messages: tuple[Message, ...]
    grace: Grace = DEFAULT_GRACE
    origin: str = ""
    checkpoint: str = ""
    stamps: tuple[str, ...] = ()
    exhibits: dict[str, str] = {}
    keys: tuple[str, ...] = ()
    report: str = ""


class NoManifest(ValueError):
    """Not a manifest of this format."""


_encode = msgspec.json.Encoder(order="deterministic").encode
_decoder = msgspec.json.Decoder(Manifest)


def encode(manifest: Manifest) -> bytes:
    """Written for people to read, too."""
    return msgspec.json.format(_encode(manifest), indent=1) + b"\n"


def decode(octets: bytes) -> Manifest:
    """Raises NoManifest, also where the same would be written otherwise."""
    try:
        found = _decoder.decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NoManifest(str(error)) from None
    if encode(found) != octets:
        raise NoManifest("not in the form in which manifests are written")
    return found


def files_of(manifest: Manifest) -> frozenset[str]:
    """Every file that it names: a bundle holds these and no other."""
    own = (NAME, manifest.report, manifest.checkpoint, *manifest.stamps, *manifest.keys, *manifest.exhibits.values())
    return frozenset((*own, *(name for one in manifest.messages for name in _of_message(one)))) - {""}


def _of_message(one: Message) -> tuple[str, ...]:
    attached = (file.file for file in one.attachments)
    return (one.envelope, one.header, one.body, one.examination, one.receipt, one.receipt_xml, *attached)
