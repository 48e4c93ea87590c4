"""One parse of XML that strangers signed, with caps before work, and its canonical octets (C14N)."""

import re
from copy import deepcopy
from functools import lru_cache
from threading import local
from typing import Any, cast

from lxml import etree

from signing.profiles import EXCLUSIVE_C14N, Caps
from signing.rules import Refused

# What may stand before the root: a declaration of XML 1.0 in UTF-8, and white space. No other reader of the same octets may see
# other characters, and a document type declaration could stand nowhere else.
_PROLOG = re.compile(
    rb"(?:\xef\xbb\xbf)?"
    rb"(?:<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*[\"']1\.0[\"']"
    rb"(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*[\"'](?i:utf-8)[\"'])?"
    rb"(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*[\"'](?:yes|no)[\"'])?[ \t\r\n]*\?>)?"
    rb"[ \t\r\n]*<(?P<root>[^!?])?"
)
_DECLARATION = (b"<?xml ", b"<?xml\t", b"<?xml\r", b"<?xml\n")
_NAMESPACE_DECLARATION = re.compile(rb"xmlns")
_SMALLEST_TAG = 4  # octets: <a/>
_SMALL_OCTETS = 256 * 1024
_WINDOW = 2048
_ENOUGH = 8  # octets behind the declaration: mostly a line's end and the beginning of the root
_MOST_LOOK_UPS = 50_000
_DEEPEST, _DEEP_OCTETS = 64, 128 * 1024
_DEEPEST_WITH_PREFIXES = 32
_COUNT = etree.XPath("count(descendant::*)")
_XML_ATTRIBUTE = "{http://www.w3.org/XML/1998/namespace}"


def parse(octets: bytes, caps: Caps) -> etree._Element:
    """The root. There is no DTD, and nothing stands beside the root; within, there may be comments and processing instructions.

    Raises Refused `xml.*`.
    """
    _check_octets(octets, caps)
    try:
        root = etree.fromstring(octets, _parsers.huge if caps.huge_texts else _parsers.usual)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise Refused("xml.not_well_formed", "/", f"line {line}, column {column}") from None
    if root.getnext() is not None:
        raise Refused("xml.comment_or_instruction", "/")
    if len(octets) > caps.free_octets and _may_have_long_tags(octets) and _more_attributes_than(caps.attributes)(root):
        raise Refused("xml.too_many_attributes", "/", f"more than {caps.attributes} on one element")
    _check_depth(octets, root, caps)
    return root


def parse_part(octets: bytes, caps: Caps) -> etree._Element:
    """Canonical octets of a part of what was parsed under `caps`, as a document of their own."""
    return etree.fromstring(octets, _parsers.huge if caps.huge_texts else _parsers.usual)


def _check_octets(octets: bytes, caps: Caps) -> None:
    """Without parsing: as there is no DTD and no other encoding, markup stands literally in the octets."""
    if len(octets) > caps.octets:
        raise Refused("xml.too_large", "/", f"{len(octets)} octets, allowed are {caps.octets}")
    end = octets.find(b"?>", 0, _WINDOW)
    if not _begins_well(octets[: end + _ENOUGH]) and not _begins_well.__wrapped__(octets):
        raise _odd_prolog(octets)
    if len(octets) > caps.tags * _SMALLEST_TAG and octets.count(b"<") > caps.tags:
        raise Refused("xml.too_many_elements", "/", f"more than {caps.tags} tags")
    if len(octets) > caps.free_octets and len(_NAMESPACE_DECLARATION.findall(octets)) > caps.namespaces:
        raise Refused("xml.too_many_namespaces", "/", f"more than {caps.namespaces}")


@lru_cache(maxsize=64)
def _begins_well(octets: bytes) -> bool:
    prolog = _PROLOG.match(octets)
    return prolog is not None and prolog["root"] is not None


def _odd_prolog(octets: bytes) -> Refused:
    """Why what stands before the root is not allowed."""
    if b"<!DOCTYPE" in octets:
        return Refused("xml.document_type", "/")
    declaration, _, behind = octets.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"?>")
    if not declaration.startswith(_DECLARATION):
        behind = declaration
    if behind.lstrip().startswith((b"<!", b"<?")):
        return Refused("xml.comment_or_instruction", "/")
    if declaration.startswith(_DECLARATION):
        return Refused("xml.not_utf8", "/", "XML declaration")
    return Refused("xml.not_well_formed", "/", "does not begin with an element")


def _may_have_long_tags(octets: bytes) -> bool:
    """Attributes are sorted by insertion, so the cost of an element grows with their square. Counting them exactly costs a walk
    over the document; it is taken where it may matter: with 2 KB free of "<" somewhere, or in a large document."""
    end, start = len(octets) - _WINDOW, 0
    while start < end <= _SMALL_OCTETS and octets.find(b"<", start, start + _WINDOW) >= 0:
        start += _WINDOW
    return start < end


class _Parsers(local):
    """Of each thread: making one costs a tenth of verifying 8 KB, and threads that share one wait for each other."""

    def __init__(self) -> None:
        super().__init__()
        self.usual, self.huge = (
            etree.XMLParser(
                encoding="utf-8",
                resolve_entities=False,
                load_dtd=False,
                dtd_validation=False,
                no_network=True,
                huge_tree=huge,
                collect_ids=False,
            )
            for huge in (False, True)
        )


_parsers = _Parsers()


@lru_cache(maxsize=8)
def _more_attributes_than(count: int) -> etree.XPath:
    return etree.XPath(f"boolean(//*[@*[{count + 1}]])")


def _check_depth(octets: bytes, root: etree._Element, caps: Caps) -> None:
    """Where the parser does not; and in large documents, since what an element costs grows with its depth."""
    most = _DEEPEST if len(octets) > _DEEP_OCTETS else caps.depth if caps.huge_texts else None
    if most is not None and _deeper_than(most)(root):
        raise Refused("xml.too_deep", "/", f"more than {most} levels")


@lru_cache(maxsize=8)
def _deeper_than(levels: int) -> etree.XPath:
    """Of an element: whether there is anything so many levels below it."""
    return etree.XPath(f"boolean({'/'.join(['*'] * levels)})")


def canonical(element: etree._Element, method: str, prefixes: tuple[str, ...] = ()) -> bytes:
    """The octets of `element` where it stands, by `method` (a C14N URI without comments). `prefixes`: those that exclusive C14N
    treats as inclusive C14N does (its InclusiveNamespaces). Raises Refused `xml.not_canonical`."""
    try:
        if method == EXCLUSIVE_C14N:
            if prefixes:
                return _exclusive_with(element, prefixes)
            return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
        if element.getparent() is None:
            return etree.tostring(element, method="c14n", with_comments=False)
        return _inclusive_in_context(element)
    except etree.C14NError as error:
        raise Refused("xml.not_canonical", "/", str(error)[:100]) from None


def _exclusive_with(element: etree._Element, prefixes: tuple[str, ...]) -> bytes:
    """lxml forgets what an ancestor declares, so a copy declares those prefixes itself. Each is looked up at every element,
    through all its ancestors, so it is known before how much that may be."""
    if len(prefixes) * cast(float, _COUNT(element)) > _MOST_LOOK_UPS or _deeper_than(_DEEPEST_WITH_PREFIXES)(element):
        raise Refused("signature.transforms", "InclusiveNamespaces", "too many prefixes for so many elements, or too deep ones")
    copy, in_scope = deepcopy(element), {one: element.nsmap[one] for one in prefixes if one in element.nsmap}
    copy.tail = None
    etree.cleanup_namespaces(copy, top_nsmap=in_scope, keep_ns_prefixes=list(prefixes))
    return etree.tostring(copy, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=list(prefixes))


def _inclusive_in_context(element: etree._Element) -> bytes:
    """Canonical XML 1.0, 2.4: the apex of a subset bears the namespaces and xml: attributes of its ancestors.

    lxml forgets them, so a copy stands in an element that declares them, whose declarations are then written into its tag.
    """
    copy = deepcopy(element)
    copy.tail = None
    for ancestor in element.iterancestors():
        for name, value in ancestor.attrib.items():
            if str(name).startswith(_XML_ATTRIBUTE) and name not in copy.attrib:
                copy.set(name, value)
    in_scope: dict[Any, str] = {prefix: uri for prefix, uri in element.nsmap.items() if uri}  # the default one under None
    holder = etree.Element("h", nsmap=in_scope)
    start = etree.tostring(holder, method="c14n").removesuffix(b"</h>")
    holder.append(copy)
    octets = etree.tostring(holder, method="c14n", with_comments=False)[len(start) : -len(b"</h>")]
    name = b"<" + _qualified(element)
    return name + start[len(b"<h") : -len(b">")] + octets[len(name) :]


def _qualified(element: etree._Element) -> bytes:
    local = etree.QName(element).localname
    return (f"{element.prefix}:{local}" if element.prefix else local).encode()


def local_name(element: etree._Element) -> str:
    """Without its namespace."""
    return element.tag.rpartition("}")[2]


def namespace(element: etree._Element) -> str | None:
    """None: in no namespace."""
    return element.tag[1:].rpartition("}")[0] or None


def detach(element: etree._Element) -> None:
    """Takes `element` out of its tree and leaves the text behind it there: the enveloped-signature transform (XMLDSig, 6.6.4)."""
    parent, before, tail = element.getparent(), element.getprevious(), element.tail
    assert parent is not None
    element.tail = None
    parent.remove(element)
    if not tail:
        return
    if before is None:
        parent.text = (parent.text or "") + tail
    else:
        before.tail = (before.tail or "") + tail
