"""One parse of XML that strangers signed, with caps before work, and its canonical octets (C14N)."""

import re
from copy import deepcopy
from functools import lru_cache
from typing import Any

from lxml import etree

from signing.profiles import EXCLUSIVE_C14N, Caps
from signing.rules import Refused

_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml[ \t\r\n]([^?]*)\?>")
_VERSION = re.compile(rb"version[ \t\r\n]*=[ \t\r\n]*[\"']1\.0[\"']")
_ENCODING = re.compile(rb"encoding[ \t\r\n]*=[ \t\r\n]*[\"'](?i:utf-8)[\"']")
# An element with more than 64 attributes has a tag longer than this; texts that long only cost the exact check.
_LONG_TAG = re.compile(rb"<[^<]{512}")
_XML_ATTRIBUTE = "{http://www.w3.org/XML/1998/namespace}"
_COMMENTS_OR_INSTRUCTIONS = etree.XPath("boolean(//comment() | //processing-instruction())")


def parse(octets: bytes, caps: Caps) -> etree._Element:
    """The root. UTF-8 only: no other reader may see other characters in the same octets. Raises Refused `xml.*`.

    As there is no DTD and no other encoding, "<!--", "<?" and "xmlns" stand literally in the octets wherever they are markup.
    """
    _check_octets(octets, caps)
    try:
        root = etree.fromstring(octets, _parser(huge_texts=caps.huge_texts))
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise Refused("xml.not_well_formed", "/", f"line {line}, column {column}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refused("xml.document_type", "/")
    if b"<!--" in octets or octets.count(b"<?") > octets.startswith((b"<?xml", b"\xef\xbb\xbf<?xml")):
        _check_no_comments(root)
    if _LONG_TAG.search(octets) is not None and _more_attributes_than(caps.attributes)(root):
        raise Refused("xml.too_many_attributes", "/", f"more than {caps.attributes} on one element")
    if caps.huge_texts:
        _check_depth(root, caps.depth)
    return root


def _check_octets(octets: bytes, caps: Caps) -> None:
    """Without parsing."""
    if len(octets) > caps.octets:
        raise Refused("xml.too_large", "/", f"{len(octets)} octets, allowed are {caps.octets}")
    if octets.startswith((b"<?xml", b"\xef\xbb\xbf<?xml")):
        _check_declaration(octets)
    if b"<!DOCTYPE" in octets or b"<!ENTITY" in octets:
        raise Refused("xml.document_type", "/")
    if octets.count(b"<") > caps.tags:
        raise Refused("xml.too_many_elements", "/", f"more than {caps.tags} tags")
    if octets.count(b"xmlns") > caps.namespaces:
        raise Refused("xml.too_many_namespaces", "/", f"more than {caps.namespaces}")


def _check_declaration(octets: bytes) -> None:
    found = _DECLARATION.match(octets)
    said = b"" if found is None else found[1]
    if _VERSION.search(said) is None or (b"encoding" in said and _ENCODING.search(said) is None):
        raise Refused("xml.not_utf8", "/", "XML declaration")


def _parser(*, huge_texts: bool) -> etree.XMLParser:
    """A new one for each document: it costs nothing and nothing is shared."""
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=huge_texts,
        collect_ids=False,
    )


def _check_no_comments(root: etree._Element) -> None:
    if _COMMENTS_OR_INSTRUCTIONS(root.getroottree()):
        raise Refused("xml.comment_or_instruction", "/")


@lru_cache(maxsize=8)
def _more_attributes_than(count: int) -> etree.XPath:
    return etree.XPath(f"boolean(//*[@*[{count + 1}]])")


def _check_depth(root: etree._Element, most: int) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > most:
            raise Refused("xml.too_deep", "/", f"more than {most} levels")


def canonical(element: etree._Element, method: str) -> bytes:
    """The octets of `element` where it stands, by `method` (a C14N URI without comments). Raises Refused `xml.not_canonical`."""
    try:
        if method == EXCLUSIVE_C14N:
            return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
        if element.getparent() is None:
            return etree.tostring(element, method="c14n", with_comments=False)
        return _inclusive_in_context(element)
    except etree.C14NError as error:
        raise Refused("xml.not_canonical", "/", str(error)[:100]) from None


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
