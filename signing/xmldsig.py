"""Where the signature stands and what it is made of (XMLDSig 1.1, section 4), read strictly by a profile.

Nothing is computed here, and nothing is ever looked for by name or by Id in the document: every part is the child of a part that
is known already.
"""

from functools import lru_cache
from typing import NamedTuple

from lxml import etree

from signing.algorithms import DIGEST_OCTETS, base64
from signing.profiles import LEGACY_SHA1, Presence, Profile
from signing.rules import Refused
from signing.xml import local_name, namespace

_ID, _NONE = frozenset({"Id"}), frozenset[str]()
_REFERENCE = frozenset({"Id", "URI", "Type"})


class Reference(NamedTuple):
    """`uri`: as written. `digest`: as claimed, of the right length."""

    uri: str
    type: str | None
    transforms: tuple[str, ...]
    digest_method: str
    digest: bytes


class Parts(NamedTuple):
    """What a signature is made of; each algorithm is one the profile allows. `certificates`: base64, the signer's first."""

    signed_info: etree._Element
    canonicalization: str
    method: str
    references: tuple[Reference, ...]
    value: bytes
    certificates: tuple[str, ...]
    object: etree._Element | None


class _Tags:
    """Names of the parts, in the namespace of this signature."""

    def __init__(self, uri: str) -> None:
        self.signature = f"{{{uri}}}Signature"
        self.signed_info = f"{{{uri}}}SignedInfo"
        self.value = f"{{{uri}}}SignatureValue"
        self.key_info = f"{{{uri}}}KeyInfo"
        self.object = f"{{{uri}}}Object"
        self.canonicalization = f"{{{uri}}}CanonicalizationMethod"
        self.method = f"{{{uri}}}SignatureMethod"
        self.reference = f"{{{uri}}}Reference"
        self.transforms = f"{{{uri}}}Transforms"
        self.transform = f"{{{uri}}}Transform"
        self.digest_method = f"{{{uri}}}DigestMethod"
        self.digest_value = f"{{{uri}}}DigestValue"
        self.x509_data = f"{{{uri}}}X509Data"
        self.x509_certificate = f"{{{uri}}}X509Certificate"


_tags = lru_cache(maxsize=8)(_Tags)


def find(root: etree._Element, profile: Profile) -> etree._Element:
    """The only signature of the document, at the only place where it may stand; one walk over the document, in C.

    Raises Refused `xml.comment_or_instruction`, `signature.absent`, `signature.several` or `signature.misplaced`.
    """
    signatures: list[etree._Element] = []
    for one in root.iter(etree.Comment, etree.PI, "{*}Signature"):
        if not isinstance(one.tag, str):
            raise Refused("xml.comment_or_instruction", "/")
        if namespace(one) in profile.signature_namespaces:
            signatures.append(one)
    if not signatures:
        raise Refused("signature.absent", "/")
    if len(signatures) > 1:
        raise Refused("signature.several", "/", f"{len(signatures)} signatures")
    for steps in profile.places:
        parent = _descend(root, steps, profile)
        if parent is not None and len(parent) and parent[-1] is signatures[0]:
            return signatures[0]
    raise Refused("signature.misplaced", "Signature")


def _descend(root: etree._Element, steps: tuple[str, ...], profile: Profile) -> etree._Element | None:
    """None where the root is another one, or a step is missing or ambiguous."""
    if profile.roots and not (local_name(root) in profile.roots and namespace(root) in profile.namespaces):
        return None
    element = root
    for step in steps:
        found = [one for one in element if local_name(one) == step and namespace(one) in profile.namespaces]
        if len(found) != 1:
            return None
        element = found[0]
    return element


def read(signature: etree._Element, profile: Profile) -> Parts:
    """Raises Refused `signature.*` or `key.info`."""
    tags = _tags(namespace(signature) or "")
    children = list(signature)
    if not 3 <= len(children) <= 4:
        raise Refused("signature.shape", "Signature", f"{len(children)} children")
    _require(signature, tags.signature, _ID)
    signed_info, value, key_info, *objects = children
    _require(signed_info, tags.signed_info, _ID)
    _require_text(value, tags.value, _ID)
    _require(key_info, tags.key_info, _ID)
    if objects:
        _require(objects[0], tags.object, _ID)
    _check_presence(bool(objects), profile)
    parts = list(signed_info)
    if len(parts) != 3 + len(objects):
        raise Refused("signature.references", "SignedInfo", f"{len(parts) - 2} references")
    return Parts(
        signed_info=signed_info,
        canonicalization=_allowed(parts[0], tags.canonicalization, profile.canonicalizations, "signature.canonicalization"),
        method=_allowed(parts[1], tags.method, profile.methods, "signature.method"),
        references=tuple([_reference(one, tags, profile) for one in parts[2:]]),
        value=base64(value.text, "SignatureValue"),
        certificates=_certificates(key_info, tags, profile),
        object=objects[0] if objects else None,
    )


def _check_presence(present: bool, profile: Profile) -> None:
    if present and profile.properties is Presence.FORBIDDEN:
        raise Refused("signature.shape", "Signature/Object", "this profile has no Object")
    if not present and profile.properties is Presence.REQUIRED:
        raise Refused("xades.absent", "Signature")


def _reference(element: etree._Element, tags: _Tags, profile: Profile) -> Reference:
    _require(element, tags.reference, _REFERENCE)
    uri, parts = element.get("URI"), list(element)
    if uri is None:
        raise Refused("signature.reference_target", "Reference", "no URI")
    if len(parts) != 3:
        raise Refused("signature.shape", "Reference", f"{len(parts)} children")
    transforms, method, value = parts
    _require(transforms, tags.transforms, _NONE)
    _require_text(value, tags.digest_value, _NONE)
    digest_method = _allowed(method, tags.digest_method, profile.digests, "signature.digest_method")
    digest = base64(value.text, "DigestValue")
    if len(digest) != DIGEST_OCTETS[digest_method]:
        raise Refused("signature.base64", "DigestValue", f"{len(digest)} octets")
    names = tuple([_algorithm(one, tags.transform, "signature.transforms") for one in transforms])
    return Reference(uri, element.get("Type"), names, digest_method, digest)


def _certificates(key_info: etree._Element, tags: _Tags, profile: Profile) -> tuple[str, ...]:
    """XMLDSig does not say which certificate is the signer's; here it is the first."""
    if len(key_info) != 1 or key_info[0].tag != tags.x509_data or key_info[0].keys():
        raise Refused("key.info", "KeyInfo", "not exactly one X509Data")
    found: list[str] = []
    for one in key_info[0]:
        if one.tag == tags.x509_certificate:
            if len(one) or one.keys():
                raise Refused("key.info", "X509Certificate")
            found.append(one.text or "")
        elif local_name(one) not in profile.key_hints:
            raise Refused("key.info", "X509Data", local_name(one)[:40])
    if not 1 <= len(found) <= profile.caps.certificates or max(map(len, found)) > profile.caps.certificate_chars:
        raise Refused("key.info", "X509Data", f"{len(found)} certificates, or one too long")
    return tuple(found)


def _require(element: etree._Element, tag: str, attributes: frozenset[str]) -> None:
    if element.tag != tag or not attributes.issuperset(element.keys()):
        raise Refused("signature.shape", local_name(element)[:40], f"expected {tag.rpartition('}')[2]}")


def _require_text(element: etree._Element, tag: str, attributes: frozenset[str]) -> None:
    _require(element, tag, attributes)
    if len(element):
        raise Refused("signature.shape", tag.rpartition("}")[2], "holds elements")


def _algorithm(element: etree._Element, tag: str, code: str) -> str:
    """A method without parameters: InclusiveNamespaces, HMACOutputLength, XPath and the like are refused, not ignored."""
    attributes = element.items()
    if element.tag != tag or len(attributes) != 1 or attributes[0][0] != "Algorithm":
        raise Refused("signature.shape", local_name(element)[:40], f"expected {tag.rpartition('}')[2]}")
    if len(element) or (element.text or "").strip():
        raise Refused(code, tag.rpartition("}")[2], "has parameters")
    return str(attributes[0][1])


def _allowed(element: etree._Element, tag: str, allowed: frozenset[str], code: str) -> str:
    found = _algorithm(element, tag, code)
    if found not in allowed:
        raise Refused(code, tag.rpartition("}")[2], found[:100])
    return found


def weak_of(parts: Parts) -> tuple[str, ...]:
    """URIs of its algorithms that only a legacy profile accepts."""
    digests = {one.digest_method for one in parts.references} & {LEGACY_SHA1}
    return (*((parts.method,) if parts.method.endswith("sha1") else ()), *digests)
