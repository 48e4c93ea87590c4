"""Where an envelope may be signed: which body is looked into as what, which attachments are signed or are signatures."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from contracts.envelope import Attachment, Envelope
from contracts.kinds import Kind
from signing.profiles import EDXML, ENVELOPE, ENVELOPE_XADES, Profile

_JSON = "application/json"
_CMS_DETACHED = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
_CMS_ATTACHED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNATURE_ELEMENT = re.compile(rb"<(?:[^\s<>/:]+:)?Signature[\s>/]")


def body_profile(kind: Kind, envelope: Envelope) -> Profile | None:
    """None: nothing in the body looks like a signature. Looked for in the octets, so that bodies without one cost no parse;
    by the element's name, for its namespace can be written in other ways."""
    if envelope.media_type.startswith(_JSON):
        return None
    body = envelope.body
    if not _SIGNATURE_ELEMENT.search(body):
        return None
    if kind.read_xml is not None:
        return EDXML
    return ENVELOPE_XADES if b"QualifyingProperties" in body else ENVELOPE


@dataclass(frozen=True, slots=True)
class SignedFile:
    """An attachment that is signed, or the signature of another. `place`: its index; `content`: index of the file that a detached
    signature is of, None: unknown or itself."""

    place: int
    form: Literal["pdf", "cms"]
    attachment: Attachment
    content: int | None = None


def signed_files(envelope: Envelope) -> tuple[SignedFile, ...]:
    """By media type, else by the name's ending: senders often state application/octet-stream. A detached signature is of the file
    whose name it bears: giấy.docx.p7s of giấy.docx; of none where two files bear it."""
    times = Counter(one.name for one in envelope.attachments)
    names = {one.name: place for place, one in enumerate(envelope.attachments) if one.name and times[one.name] == 1}
    found = []
    for place, one in enumerate(envelope.attachments):
        essence, name = one.media_type.partition(";")[0].strip().lower(), one.name.lower()
        if essence == "application/pdf" or name.endswith(".pdf"):
            found.append(SignedFile(place, "pdf", one))
        elif essence in _CMS_DETACHED or name.endswith((".p7s", ".sig")):
            found.append(SignedFile(place, "cms", one, names.get(one.name.rpartition(".")[0])))
        elif essence in _CMS_ATTACHED or name.endswith(".p7m"):
            found.append(SignedFile(place, "cms", one))
    return tuple(found)
