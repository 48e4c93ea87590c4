"""Where a signature may stand, and what it may refer to: by places counted from the root.

Nothing is ever looked for by name or by Id in the document, so that no other element can take the place of the one that is meant.
"""

from functools import lru_cache

import msgspec
from lxml import etree

from signing.profiles import Profile
from signing.rules import Refused
from signing.xml import local_name, namespace


class Target(msgspec.Struct, frozen=True):
    """What a reference may name, known by its place. `what`: for the report. `transforms`: whole lists that are allowed.
    `octets`: its canonical form, where that is known already; `element` is then one that it stands in."""

    what: str
    element: etree._Element
    transforms: frozenset[tuple[str, ...]]
    type: str | None = None
    octets: bytes = b""


class Located(msgspec.Struct, frozen=True):
    """`targets`: by the URI that names them. `required`: which of them have to be signed. `token`: a certificate that
    stands elsewhere than in KeyInfo, in base64. `timestamp`: of a message."""

    signature: etree._Element
    targets: dict[str, Target]
    required: tuple[Target, ...]
    token: bytes = b""
    timestamp: etree._Element | None = None


def document(root: etree._Element, profile: Profile) -> Located:
    """Signature and content of a document that bears its signature: everything but the signature itself is signed.

    Raises Refused `xml.comment_or_instruction`, `signature.absent`, `signature.several` or `signature.misplaced`.
    """
    signature = only_signature(root, profile)
    for steps in profile.places:
        parent = _descend(root, steps, profile)
        if parent is not None and len(parent) and parent[-1] is signature:
            break
    else:
        raise Refused("signature.misplaced", "Signature")
    whole = Target("document", root, profile.transforms)
    name = root.get(profile.root_id)
    return Located(signature, {"": whole, f"#{name}": whole} if name else {"": whole}, (whole,))


def only_signature(root: etree._Element, profile: Profile, content: etree._Element | None = None) -> etree._Element:
    """The only signature of the document, wherever it stands; one walk, in C, which also sees comments and instructions.
    Inside `content`, a child of the root, there may be others.

    Raises Refused `xml.comment_or_instruction`, `signature.absent` or `signature.several`.
    """
    signatures, tags = [], _signature_tags(profile)
    for part in (root,) if content is None else [one for one in root if one is not content]:
        for one in part.iter(etree.Comment, etree.PI, "{*}Signature"):
            if one.tag in tags:
                signatures.append(one)
            elif not isinstance(one.tag, str):
                raise Refused("xml.comment_or_instruction", "/")
    if content is not None and next(content.iter(etree.Comment, etree.PI), None) is not None:
        raise Refused("xml.comment_or_instruction", "/")
    if len(signatures) == 1:
        return signatures[0]
    raise Refused("signature.several", "/", f"{len(signatures)} signatures") if signatures else Refused("signature.absent", "/")


@lru_cache(maxsize=64)
def _signature_tags(profile: Profile) -> frozenset[str]:
    return frozenset(f"{{{one}}}Signature" for one in profile.signature_namespaces)


def parent_of(root: etree._Element, profile: Profile) -> etree._Element:
    """Where a signature belongs that is yet to be made, as the last child. Raises Refused `signature.misplaced`."""
    found = [parent for steps in profile.places if (parent := _descend(root, steps, profile)) is not None]
    if not found:
        raise Refused("signature.misplaced", "/", "the document has no place for it")
    return found[0]


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
