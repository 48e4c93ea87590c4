"""Finding elements by local name in any of the namespaces that senders of edXML use."""

from collections.abc import Iterator
from functools import lru_cache

from lxml import etree

from contracts.edxml.names import ALIASES, SPACES
from contracts.errors import ContractError


def name_of(element: etree._Element) -> str | None:
    """The standard's name for an element of edXML; None: it is of another vocabulary."""
    return _name(str(element.tag))


@lru_cache(maxsize=1024)
def _name(tag: str) -> str | None:
    qualified = etree.QName(tag)
    return ALIASES.get(qualified.localname, qualified.localname) if qualified.namespace in SPACES else None


def children(parent: etree._Element | None, *names: str) -> Iterator[etree._Element]:
    return iter(()) if parent is None else (one for one in parent if name_of(one) in names)


def child(parent: etree._Element | None, *names: str) -> etree._Element | None:
    return next(children(parent, *names), None)


def text(element: etree._Element | None) -> str | None:
    """Trimmed; an empty element is an absent one."""
    if element is None:
        return None
    written = "".join(map(str, element.itertext())) if len(element) else element.text or ""
    return written.strip() or None


def verbatim(element: etree._Element) -> str:
    """An element of others, with its namespaces, as exclusive canonical XML. Raises ContractError "body.malformed"."""
    try:
        return etree.tostring(element, method="c14n", exclusive=True, with_tail=False).decode()
    except etree.C14NError:
        raise ContractError("body.malformed", f"/{etree.QName(element).localname}", "has no canonical form") from None
