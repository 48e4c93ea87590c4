"""An element of a message as the octets that its sender wrote: a document that is signed may not be written anew.

Octets are found by a second parser, and a second parser may see another document than the first: that is how signatures are gone
round. So what it finds is compared, in canonical form, with the element that was checked, and refused unless both are the same.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from lxml import etree

from contracts.errors import ContractError
from contracts.safe_xml import parse


class Verbatim:
    """The elements of one document (UTF-8, without a DTD: it was read before) as octets. However many are asked for, it is looked
    through once, and not before the first."""

    def __init__(self, document: bytes) -> None:
        self._document = document

    def octets(self, place: int, element: etree._Element) -> bytes:
        """`place`: of the element among all elements of the document, the root's being 0.

        The very octets, where the element stands for itself; declarations of namespaces that it borrows from around it are added
        to its start tag, and nothing else is touched. Raises ContractError "soap.malformed".
        """
        if place >= len(self._spans):
            raise _refused()
        begin, end, around = self._spans[place]
        octets = self._document[begin:end]
        alone = _with_declarations(octets, {prefix: around[prefix] for prefix in _needed(around, octets, element)})
        try:
            same = _canonical(parse(alone, huge_texts=True)) == _canonical(element)
        except (ContractError, etree.C14NError):  # C14NError: a namespace that is a relative reference
            same = False
        if not same:
            raise _refused()
        return alone

    @cached_property
    def _spans(self) -> Sequence["_Span"]:
        return _Search(self._document).spans


class _Span(NamedTuple):
    """Where an element begins and ends, and which namespaces are declared around it."""

    begin: int
    end: int
    around: Mapping[str, str]


class _Search:
    """`spans`: of all elements, in the order in which they begin; none where the second parser cannot read the document."""

    def __init__(self, document: bytes) -> None:
        self._document = document
        self._content = False
        self._scopes: list[dict[str, str]] = [{}]
        self._open: list[int] = []
        self.spans: list[_Span] = []
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._stop
        self._parser.DefaultHandlerExpand = self._other
        try:
            self._parser.Parse(self._document, True)
        except expat.ExpatError:
            self.spans = []

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._content = False
        around = self._scopes[-1]
        own = {key[6:]: value for key, value in attributes.items() if key == "xmlns" or key.startswith("xmlns:")}
        if own:
            borrowed = {prefix: uri for prefix, uri in around.items() if prefix not in own}
            self._scopes.append({**around, **own})
        else:
            borrowed = around
            self._scopes.append(around)
        self._open.append(len(self.spans))
        self.spans.append(_Span(self._parser.CurrentByteIndex, -1, borrowed))

    def _stop(self, name: str) -> None:
        index = self._parser.CurrentByteIndex
        empty = not self._content and self._document[index - 2 : index] == b"/>"
        place = self._open.pop()
        self.spans[place] = self.spans[place]._replace(end=index if empty else self._document.index(b">", index) + 1)
        self._scopes.pop()
        self._content = True

    def _other(self, text: str) -> None:
        self._content = True


def _needed(around: Mapping[str, str], octets: bytes, element: etree._Element) -> Iterator[str]:
    """A prefix may also stand in a text or a value (xsi:type), so it counts wherever a qualified name may begin."""
    prefixes = [prefix for prefix, uri in around.items() if prefix and uri]
    if prefixes:
        names = b"|".join(re.escape(prefix.encode()) for prefix in sorted(prefixes, key=len, reverse=True))
        yield from {one.decode() for one in re.findall(rb"""(?:[<>"'\s]|</)(%b):\w""" % names, octets)}
    if around.get("") and any(one.prefix is None for one in element.iter(etree.Element)):
        yield ""


def _with_declarations(octets: bytes, missing: Mapping[str, str]) -> bytes:
    if not missing:
        return octets
    end = next(place for place, octet in enumerate(octets) if octet in b" \t\r\n/>" and place > 0)
    added = "".join(f" xmlns{':' if prefix else ''}{prefix}={quoteattr(uri)}" for prefix, uri in sorted(missing.items()))
    return octets[:end] + added.encode() + octets[end:]


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_tail=False, with_comments=False)


def _refused() -> ContractError:
    return ContractError("soap.malformed", "/Envelope/Body", "an element cannot be taken out as it is: send its octets in base64")
