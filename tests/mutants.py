"""Documents made wrong: signature wrapping, bytes and structures changed by chance. Deterministic for a seed."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random

from lxml import etree

from signing.profiles import DSIG

_SIGNATURE = f"{{{DSIG}}}Signature"
_TOKENS = (
    b"<", b">", b"&", b'"', b"'", b"/>", b"=", b"#", b" ", b"\n", b"\0", b"\xff", b"&#10;", b"&lt;", b"&amp;", b"<!---->",
    b"<?a?>", b"<![CDATA[", b"]]>", b"<!DOCTYPE a>", b' Id="doc-1"', b' Id="sp-1"', b' xmlns=""', b' xmlns:ds="urn:x"',
    b' xml:lang="vi"', b"<ds:Signature/>", b"\xc3\xa9", b"e\xcc\x81", b"\xef\xbb\xbf", b"\r", b"\t", b"sha1", b"sha512",
    b"hmac-", b"WithComments",
)  # fmt: skip


def mutants(octets: bytes, seed: int, count: int) -> Iterator[bytes]:
    """`count` documents that differ from `octets` as octets; most differ in one or two things."""
    chance, made = Random(seed), 0
    while made < count:
        mutant = octets
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            mutant = _once(mutant, chance)
        if mutant != octets:
            made += 1
            yield mutant


def _once(octets: bytes, chance: Random) -> bytes:
    if chance.random() < 0.5:
        return chance.choice(OF_OCTETS)(octets, chance)
    try:
        root = etree.fromstring(octets)
    except etree.XMLSyntaxError:
        return chance.choice(OF_OCTETS)(octets, chance)
    try:
        chance.choice(_OF_TREES)(root, chance)
    except (ValueError, TypeError):  # what lxml does not let one write, or an element below itself
        return octets
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _flip(octets: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(octets))
    return octets[:at] + bytes((octets[at] ^ 1 << chance.randrange(8),)) + octets[at + 1 :]


def _cut(octets: bytes, chance: Random) -> bytes:
    at, size = chance.randrange(len(octets)), chance.choice((1, 1, 2, 8, 64))
    return octets[:at] + octets[at + size :]


def _repeat(octets: bytes, chance: Random) -> bytes:
    at, size, to = chance.randrange(len(octets)), chance.choice((1, 4, 32, 256)), chance.randrange(len(octets))
    return octets[:to] + octets[at : at + size] + octets[to:]


def _insert(octets: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(octets))
    return octets[:at] + chance.choice(_TOKENS) + octets[at:]


def _swap(octets: bytes, chance: Random) -> bytes:
    one, other = sorted((chance.randrange(len(octets)), chance.randrange(len(octets))))
    size = min(chance.choice((1, 4, 16)), other - one, len(octets) - other)
    return (
        octets[:one]
        + octets[other : other + size]
        + octets[one + size : other]
        + octets[one : one + size]
        + octets[other + size :]
    )


def _any(root: etree._Element, chance: Random) -> etree._Element:
    return chance.choice(list(root.iter("*")))


def _remove(root: etree._Element, chance: Random) -> None:
    element = _any(root, chance)
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _double(root: etree._Element, chance: Random) -> None:
    element = _any(root, chance)
    if element.getparent() is not None:
        element.addnext(deepcopy(element))


def _move(root: etree._Element, chance: Random) -> None:
    element, to = _any(root, chance), _any(root, chance)
    if element is not root and to not in element.iter():
        to.insert(chance.randrange(len(to) + 1), element)


def _copy(root: etree._Element, chance: Random) -> None:
    to = _any(root, chance)
    to.insert(chance.randrange(len(to) + 1), deepcopy(_any(root, chance)))


def _rename(root: etree._Element, chance: Random) -> None:
    _any(root, chance).tag = chance.choice([_any(root, chance).tag, "x", f"{{{DSIG}}}Object"])


def _text(root: etree._Element, chance: Random) -> None:
    element = _any(root, chance)
    element.text = chance.choice(("", " ", "x", (element.text or "") + " ", _any(root, chance).text or ""))


def _tail(root: etree._Element, chance: Random) -> None:
    _any(root, chance).tail = chance.choice((None, " ", "x", "\n"))


def _attribute(root: etree._Element, chance: Random) -> None:
    element, other = _any(root, chance), _any(root, chance)
    name, value = chance.choice([("Id", "doc-1"), ("Id", "sp-1"), ("URI", ""), ("x", "y"), *other.items()])
    element.set(name, value)


def _forget(root: etree._Element, chance: Random) -> None:
    element = _any(root, chance)
    if element.attrib:
        del element.attrib[chance.choice(list(element.attrib))]


def _comment(root: etree._Element, chance: Random) -> None:
    to = _any(root, chance)
    to.insert(chance.randrange(len(to) + 1), chance.choice((etree.Comment("x"), etree.PI("x", "y"))))


OF_OCTETS: tuple[Callable[[bytes, Random], bytes], ...] = (_flip, _flip, _cut, _repeat, _insert, _insert, _swap)
_OF_TREES: tuple[Callable[[etree._Element, Random], None], ...] = (
    _remove, _double, _move, _copy, _rename, _text, _tail, _attribute, _forget, _comment,
)  # fmt: skip


def wrapped(octets: bytes) -> dict[str, bytes]:
    """Signature wrapping 1 to 8 (Somorovsky et al., "On Breaking SAML", 2012), carried over to a signed envelope whose root is
    signed by its Id: the signed original lives on somewhere, and another root says something else.

    1 to 4 have the signature in the new root, 5 to 8 the original inside the signature or beside it. Each is made twice, the
    new root with the Id of the original and with another.
    """
    return {
        f"{number}, {how}": etree.tostring(_wrap(number, octets, same_id=same), xml_declaration=True, encoding="UTF-8")
        for number in range(1, 9)
        for how, same in (("same Id", True), ("another Id", False))
    }


def _wrap(number: int, octets: bytes, *, same_id: bool) -> etree._Element:
    root = etree.fromstring(octets)  # the signed original
    signature = root[-1]
    assert signature.tag == _SIGNATURE
    evil = deepcopy(root)
    evil.remove(evil[-1])
    if not same_id:
        evil.set("Id", "doc-2")
    name = next(evil.iter("{*}name"))
    name.text = "Kẻ mạo danh"
    holder = etree.Element(f"{{{DSIG}}}Object")
    if number in (1, 8):  # the original, without its signature, in an Object of the signature
        root.remove(signature)
        holder.append(root)
        signature.append(holder)
        evil.append(signature) if number == 1 else evil.insert(0, signature)
    elif number == 2:  # original and signature side by side, the signature detached
        root.remove(signature)
        evil.extend([root, signature])
    elif number == 3:  # the whole signed original as a child
        evil.append(root)
    elif number == 4:  # a new root around evil, which holds the signed original
        evil.append(root)
        evil = _around(evil)
    elif number == 5:  # the signature moved to evil, the original behind it
        root.remove(signature)
        evil.extend([signature, root])
    elif number == 6:  # a second signature around the first one's original
        outer = deepcopy(signature)
        holder.append(root)
        outer.append(holder)
        evil.append(outer)
    elif number == 7:  # in a place for extensions
        extension = etree.SubElement(evil, "extensions")
        extension.append(root)
        evil.append(deepcopy(signature))
    return evil


def _around(element: etree._Element) -> etree._Element:
    root = etree.Element(element.tag, nsmap=element.nsmap)
    root.extend([deepcopy(one) for one in element])
    return root


def rearranged(octets: bytes) -> dict[str, bytes]:
    """The signed original beside, within or around one that says something else, whatever kind of document it is. Each is a place
    where some reader would find what it looks for by name, by Id or by position."""
    made = {}
    for how in (
        _evil_around, _evil_first, _evil_takes_signature, _original_in_object, _original_behind, _evil_within, _evil_twins,
        _evil_in_place, _signature_twice, _foreign_root,
    ):  # fmt: skip
        root = etree.fromstring(octets)
        made[how.__name__[1:]] = etree.tostring(how(root), xml_declaration=True, encoding="UTF-8")
    return made


def _evil_of(element: etree._Element) -> etree._Element:
    """A copy whose texts say something else, the signature's left alone."""
    copy = deepcopy(element)
    for one in copy.iter("*"):
        if DSIG not in one.tag and not len(one) and (one.text or "").strip() and len(one.text or "") < 100:
            one.text = "Kẻ mạo danh"
    return copy


def _signature_of(root: etree._Element) -> etree._Element:
    return next(root.iter(_SIGNATURE))


def _without_signature(root: etree._Element) -> etree._Element:
    signature = _signature_of(root)
    parent = signature.getparent()
    assert parent is not None
    parent.remove(signature)
    return root


def _evil_around(root: etree._Element) -> etree._Element:
    evil = _without_signature(_evil_of(root))
    evil.append(root)
    return evil


def _evil_first(root: etree._Element) -> etree._Element:
    evil = _without_signature(_evil_of(root))
    evil.insert(0, root)
    return evil


def _evil_takes_signature(root: etree._Element) -> etree._Element:
    evil = _evil_of(root)
    evil.append(_without_signature(root))
    return evil


def _original_in_object(root: etree._Element) -> etree._Element:
    evil = _evil_of(root)
    etree.SubElement(_signature_of(evil), f"{{{DSIG}}}Object").append(_without_signature(root))
    return evil


def _original_behind(root: etree._Element) -> etree._Element:
    evil = _evil_of(root)
    _signature_of(evil).addnext(_without_signature(root))
    return evil


def _evil_within(root: etree._Element) -> etree._Element:
    root.insert(0, _without_signature(_evil_of(root)))
    return root


def _evil_twins(root: etree._Element) -> etree._Element:
    for one in [one for one in root if one.tag != _SIGNATURE]:
        evil = _evil_of(one)
        one.addprevious(evil if next(evil.iter(_SIGNATURE), None) is None else _without_signature(evil))
    return root


def _evil_in_place(root: etree._Element) -> etree._Element:
    return _evil_of(root)


def _signature_twice(root: etree._Element) -> etree._Element:
    signature = _signature_of(root)
    signature.addnext(deepcopy(signature))
    return root


def _foreign_root(root: etree._Element) -> etree._Element:
    outer = etree.Element("outer")
    outer.append(root)
    return outer
