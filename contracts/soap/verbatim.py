"""An element of a message as the octets that its sender wrote: a document that is signed may not be written anew.

Octets are found by a second parser, and a second parser may see another document than the first: that is how signatures are gone
round. So what it finds is compared, in canonical form, with the element that was checked, and refused unless both are the same.
"""

import re
from collections.abc import Mapping
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from lxml import etree

from contracts.errors import ContractError
from contracts.safe_xml import parse


def octets_of_element(document: bytes, place: int, element: etree._Element) -> bytes:
    """`place`: of the element among all elements of `document` (UTF-8, without a DTD: it was read before), the root's being 0.

    The very octets, where the element stands for itself; declarations of namespaces that it borrows from around it are added to
    its start tag, and nothing else is touched. Raises ContractError "soap.malformed".
    """
    found = _Search(document, place).found()
    if found is None:
        raise _refused()
    octets, borrowed = found
    alone = _with_declarations(octets, {prefix: uri for prefix, uri in borrowed.items() if _is_needed(prefix, octets, element)})
    try:
        same = _canonical(parse(alone, huge_texts=True)) == _canonical(element)
    except ContractError:
        same = False
    if not same:
        raise _refused()
    return alone


class _Search:
    """Where the element begins and ends, and which namespaces are declared around it."""

    def __init__(self, document: bytes, place: int) -> None:
        self._document, self._place = document, place
        self._count, self._depth, self._content = -1, 0, False
        self._scopes: list[dict[str, str]] = [{}]
        self._begin = self._end = self._at_depth = -1
        self._around: dict[str, str] = {}
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._stop
        self._parser.DefaultHandlerExpand = self._other

    def found(self) -> tuple[bytes, Mapping[str, str]] | None:
        try:
            self._parser.Parse(self._document, True)
        except expat.ExpatError:
            return None
        return None if self._end < 0 else (self._document[self._begin : self._end], self._around)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        self._depth += 1
        self._content = False
        own = {key[6:]: value for key, value in attributes.items() if key == "xmlns" or key.startswith("xmlns:")}
        if self._count == self._place:
            self._begin, self._at_depth = self._parser.CurrentByteIndex, self._depth
            self._around = {prefix: uri for prefix, uri in self._scopes[-1].items() if prefix not in own and uri}
        self._scopes.append({**self._scopes[-1], **own} if own else self._scopes[-1])

    def _stop(self, name: str) -> None:
        if self._depth == self._at_depth and self._end < 0:
            index = self._parser.CurrentByteIndex
            empty = not self._content and self._document[index - 2 : index] == b"/>"
            self._end = index if empty else self._document.index(b">", index) + 1
        self._scopes.pop()
        self._depth -= 1
        self._content = True

    def _other(self, text: str) -> None:
        self._content = True


def _is_needed(prefix: str, octets: bytes, element: etree._Element) -> bool:
    """A prefix may also stand in a text or a value (xsi:type), so it counts wherever a qualified name may begin."""
    if prefix:
        return re.search(rb"""(?:[<>"'\s]|</)%b:\w""" % re.escape(prefix.encode()), octets) is not None
    return any(one.prefix is None for one in element.iter(etree.Element))


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
