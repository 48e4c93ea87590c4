"""An element comes out of a message as its sender wrote it, or not at all."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from contracts.errors import ContractError
from contracts.safe_xml import parse
from contracts.soap.verbatim import Verbatim

XSI = "http://www.w3.org/2001/XMLSchema-instance"


def taken(document: bytes, tag: str) -> bytes:
    root = parse(document)
    place, element = next((place, one) for place, one in enumerate(root.iter()) if etree.QName(one).localname == tag)
    return Verbatim(document).octets(place, element)


@pytest.mark.parametrize(
    "inner",
    [
        b"<x/>",
        b"<x />",
        b'<x a="1>2" b=\'"\'/>',
        b"<x></x>",
        b"<x></x >",
        b"<x><y/></x>",
        b"<x><x/><x></x></x>",
        b"<x>\r\n &lt; &#72;&#x1ea1; <![CDATA[<x/>]]> </x\n>",
        b'<x xmlns="urn:a"><p:y xmlns:p="urn:p" p:z="p:q"/></x>',
        b'<p:x xmlns:p="urn:p">h\xe1\xbb\x93 s\xc6\xa1</p:x>',
        b"<x>s: and :s and http://s:80/ are texts</x>",
        b"<x><!-- a comment --><?pi?>text</x>",
    ],
)
@pytest.mark.parametrize(
    "around", [b"<s>%b</s>", b'<s:e xmlns:s="urn:s"><a/>%b<b/></s:e>', b'<?xml version="1.0"?>\n<s><q/>%b\n</s>']
)
def test_what_stands_for_itself_keeps_every_octet(around: bytes, inner: bytes) -> None:
    assert taken(around % inner, "x") == inner


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (b'<s xmlns="urn:d"><x><y/></x></s>', b'<x xmlns="urn:d"><y/></x>'),
        (b'<s xmlns="urn:d"><x xmlns="">1</x></s>', b'<x xmlns="">1</x>'),
        (b'<s xmlns:p="urn:p"><p:x/></s>', b'<p:x xmlns:p="urn:p"/>'),
        (b'<s xmlns:p="urn:p"><x q="p:z">1</x></s>', b'<x xmlns:p="urn:p" q="p:z">1</x>'),
        (b'<s xmlns:p="urn:p"><t xmlns:p="urn:q"><x><p:y/></x></t></s>', b'<x xmlns:p="urn:q"><p:y/></x>'),
        (b'<s xmlns:p="urn:a&amp;b"><p:x/></s>', b'<p:x xmlns:p="urn:a&amp;b"/>'),
        (f'<s xmlns:i="{XSI}"><x i:type="t"/></s>'.encode(), f'<x xmlns:i="{XSI}" i:type="t"/>'.encode()),
    ],
)
def test_declarations_that_it_borrows_are_added_and_nothing_else(document: bytes, found: bytes) -> None:
    assert taken(document, "x") == found


NAMES = st.sampled_from(["x", "y", "p:y"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    name = draw(NAMES)
    declares = draw(st.sampled_from(["", ' xmlns="urn:1"', ' xmlns="urn:2"', ' xmlns=""', ' xmlns:p="urn:3"', " z='p:1'"]))
    inner = [draw(TEXTS).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")]
    if depth:
        inner += [draw(elements(depth - 1)) for _ in range(draw(st.integers(0, 2)))]
    return f"<{name}{declares}/>" if draw(st.booleans()) and len(inner) == 1 else f"<{name}{declares}>{''.join(inner)}</{name}>"


@given(elements(), st.data())
@example('<x xmlns="urn:1"><x xmlns=""/></x>', None)
def test_every_element_means_alone_what_it_meant_inside(inner: str, data: st.DataObject | None) -> None:
    """Canonically the same, whichever is taken."""
    document = f'<s xmlns="urn:0" xmlns:p="urn:9">{inner}</s>'.encode()
    root = parse(document)
    all_of_them = list(root.iter())
    place = 1 if data is None else data.draw(st.integers(0, len(all_of_them) - 1))
    element = all_of_them[place]
    alone = parse(Verbatim(document).octets(place, element))
    assert _canonical(alone) == _canonical(element)


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_tail=False)


def test_another_element_than_the_one_that_was_checked_is_never_given() -> None:
    """Wherever two parsers may disagree, the octets have to say what was verified."""
    document = b"<s><x>real</x></s>"
    checked = parse(b"<s><x>verified</x></s>")[0]
    with pytest.raises(ContractError, match=r"soap\.malformed"):
        Verbatim(document).octets(1, checked)
    with pytest.raises(ContractError, match=r"soap\.malformed"):
        Verbatim(document).octets(7, checked)


def test_an_element_that_has_no_canonical_form_is_refused() -> None:
    """A relative reference as a namespace: exclusive canonical XML does not know it."""
    with pytest.raises(ContractError, match=r"soap\.malformed"):
        taken(b'<s><x xmlns="relative"/></s>', "x")
