"""XAdES-B signed properties of the usual form, read from the canonical octets of the signature that they stand in.

As SignedInfo is: what fits the grammar is spelt in one way, so nothing has to be looked for in the tree, and the exclusive
canonical form of the properties is these octets with the declarations that they inherit. Most software writes this form: time,
certificate, perhaps the format of what is signed. Whatever does not fit is read in the tree, by the same rules (`xades.py`).
"""

import re

import msgspec

from signing.profiles import DSIG, EXCLUSIVE_C14N, XADES, Profile
from signing.xmldsig import Enclosed

_EXCLUSIVE_ONLY = frozenset({(EXCLUSIVE_C14N,)})
_DSIG = f'="{DSIG}"'.encode()

# "~" stands for the prefix of XAdES, "@" for that of XMLDSig, which is not declared anew; "_" for white space. Each prefix stands
# for one namespace in all of it, since nothing that fits declares another.
_GRAMMAR = (
    rb'<(?P<dsig>[^\s:<>"=/]+:)Object(?: Id="[^"]*")?>_'
    rb'<(?P<xades>([^\s:<>"=/]+):)QualifyingProperties(?P<declared> xmlns:\3="%s") Target="#(?P<target>[^"&]+)">_'
    rb'(?P<tag><~SignedProperties)(?P<head> Id="(?P<id>[^"&]+)">_<~SignedSignatureProperties>_'
    rb"<~SigningTime>(?P<time>[^<&]*)</~SigningTime>_<~SigningCertificateV2>_<~Cert>_<~CertDigest>_"
    rb'<@DigestMethod)(?P<middle> Algorithm="(?P<method>[^"&]*)"></@DigestMethod>_'
    rb"<@DigestValue)(?P<rest>>(?P<digest>[^<&]*)</@DigestValue>_</~CertDigest>_"
    rb"(?:<~IssuerSerialV2>[^<]*</~IssuerSerialV2>_)?</~Cert>_</~SigningCertificateV2>_</~SignedSignatureProperties>_"
    rb'(?P<data><~SignedDataObjectProperties>_<~DataObjectFormat ObjectReference="[^"]*">_<~MimeType>[^<]*</~MimeType>_'
    rb"</~DataObjectFormat>_</~SignedDataObjectProperties>_)?</~SignedProperties>)_</~QualifyingProperties>_</@Object>_"
)
_PIECES = {b"~": b"(?P=xades)", b"@": b"(?P=dsig)", b"_": rb"[ \t\n]*"}
_PATTERN = re.compile(re.sub(b"[~@_]", lambda found: _PIECES[found[0]], _GRAMMAR % re.escape(XADES).encode()))


class Usual(msgspec.Struct, frozen=True):
    """`octets`: the exclusive canonical form of SignedProperties; the rest as it is written there. `not_evaluated`: names."""

    id: str
    octets: bytes
    time: str
    method: str
    digest: bytes
    not_evaluated: tuple[str, ...]


def find(enclosed: Enclosed, profile: Profile) -> Usual | None:
    """None where the properties, or what the profile allows, are anything but usual."""
    if profile.property_transforms != _EXCLUSIVE_ONLY or profile.prefix_lists:
        return None
    found = _PATTERN.fullmatch(enclosed.octets)
    if found is None or not enclosed.declared.endswith(_DSIG):
        return None
    dsig, xades, declared, target, tag, head, name, time, middle, method, rest, digest, data = found.group(
        "dsig", "xades", "declared", "target", "tag", "head", "id", "time", "middle", "method", "rest", "digest", "data"
    )
    if target != enclosed.signature_id or dsig == xades:
        return None
    octets = b"".join((tag, declared, head, enclosed.declared, middle, enclosed.declared, rest))
    others = () if data is None else ("SignedDataObjectProperties",)
    return Usual(name.decode(), octets, time.decode(), method.decode(), digest, others)
