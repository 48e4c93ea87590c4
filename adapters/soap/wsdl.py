"""A recipient's WSDL: parsed once, nothing fetched, and what its operations take and give. zeep does the reading.

Sources: WSDL 1.1 (W3C Note, 2001), sections 2 and 3; SOAP 1.2 binding (W3C member submission, 2006).
"""

import hashlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lxml import etree
from zeep.exceptions import Error as ZeepError
from zeep.settings import Settings
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import Soap12Binding, SoapBinding
from zeep.xsd.elements import Choice
from zeep.xsd.elements.indicators import OrderIndicator
from zeep.xsd.types.builtins import Base64Binary, HexBinary

from contracts.errors import ContractError
from contracts.safe_xml import parse

MAX_WSDL_BYTES = 4 * 2**20
MAX_FIELDS = 5000  # elements of one message are looked at for a list
_KEPT = 64  # parsed descriptions in memory
_XSD = "{http://www.w3.org/2001/XMLSchema}"
_XML_XSD = (
    b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/XML/1998/namespace">'
    b'<xs:attribute name="lang" type="xs:language"/><xs:attribute name="space" type="xs:NCName"/>'
    b'<xs:attribute name="base" type="xs:anyURI"/><xs:attribute name="id" type="xs:ID"/></xs:schema>'
)
_WELL_KNOWN = {"https://www.w3.org/2001/xml.xsd": _XML_XSD, "http://www.w3.org/2001/xml.xsd": _XML_XSD}

logging.getLogger("zeep").setLevel(logging.CRITICAL)  # it writes whole messages when it debugs
warnings.filterwarnings("ignore", module="zeep")  # what it warns of is missing afterwards, and told so


class WsdlError(ValueError):
    """What is wrong with a description, or with what was asked of it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a message, "hoSo.giayTo[].noiDung": every name but the last is an element around it, [] one that repeats.

    `required`: no message goes without it, because all around it are required, too.
    """

    path: str
    type: str
    required: bool
    many: bool
    binary: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one port, as a binding says it."""

    service: str
    port: str
    name: str
    version: str  # "1.1" or "1.2"
    binding: Any  # zeep's
    answer: str  # local name of the element that the Body of an answer has; "" for one-way

    @property
    def input(self) -> Any:
        return self.binding.get(self.name).input

    @property
    def fields(self) -> tuple[Field, ...]:
        body = self.input.body
        return () if body is None else tuple(_fields(body.type, "", (body.type,), iter(range(MAX_FIELDS)), needed=True))

    @property
    def headers(self) -> tuple[Field, ...]:
        header = self.input.header
        return () if header is None else tuple(_fields(header.type, "", (), iter(range(MAX_FIELDS)), needed=False))

    def field(self, path: str, *, header: bool = False) -> Field | None:
        """By names with dots between them, without marks; also one that is not listed, because it is further in."""
        holder = self.input.header if header else self.input.body
        found = None if holder is None else _found(holder.type, path.split("."))
        return None if found is None else _field(found[1], found[0], False)


@dataclass(frozen=True, slots=True)
class Description:
    """All SOAP operations, in the order of the file."""

    operations: tuple[Operation, ...]

    def operation(self, name: str, service: str = "", port: str = "") -> Operation:
        """The first that fits. Raises WsdlError."""
        for one in self.operations:
            if one.name == (name or one.name) and one.service == (service or one.service) and one.port == (port or one.port):
                return one
        there = ", ".join(dict.fromkeys(one.name for one in self.operations)) or "none over SOAP"
        where = f"{service or 'any service'}, {port or 'any port'}"
        raise WsdlError(f"there is no operation {name or 'at all'} in {where}; there are: {there}")


def read_wsdl(text: str) -> Description:
    """Kept by its digest, errors too. Takes up to a second of CPU for a large one. Raises WsdlError."""
    if len(text) > MAX_WSDL_BYTES:
        raise WsdlError(f"larger than {MAX_WSDL_BYTES} bytes")
    octets = text.lstrip("\ufeff \t\r\n").encode()  # as editors and servers leave it at the beginning
    found = _read(hashlib.sha256(octets).digest(), _Octets(octets))
    if isinstance(found, WsdlError):
        raise found
    return found


class _Octets:
    """All alike to the cache, which goes by the digest beside them."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Octets)

    def __hash__(self) -> int:
        return 0


class _Nothing:
    """zeep's transport: whatever is asked for is refused, but for what everybody has."""

    def load(self, url: object) -> bytes:
        if str(url) in _WELL_KNOWN:
            return _WELL_KNOWN[str(url)]
        raise WsdlError(
            f"it refers to {str(url)[-200:]}, which is not inside; nothing is fetched, so put the schemas into the file"
        )


_NOTHING: Any = _Nothing()


@lru_cache(maxsize=_KEPT)
def _read(_digest: bytes, holder: _Octets) -> Description | WsdlError:
    try:
        root = parse(holder.octets)  # no DTD, neither deep nor endless
        forget_places(root)
        document = Document(io.BytesIO(etree.tostring(root)), _NOTHING, settings=Settings(force_https=False))
        return Description(tuple(_operations(document)))
    except WsdlError as error:
        return error
    except ContractError as error:
        return WsdlError(error.detail)
    except (ZeepError, ValueError, LookupError, TypeError, AttributeError, NotImplementedError, RecursionError) as error:
        return WsdlError(f"{type(error).__name__}: {str(error)[:300]}")  # zeep checks little: what it trips over is the file's


def forget_places(root: etree._Element) -> None:
    """An import of a schema that is inside says by its namespace which, and by its place where to fetch it besides."""
    inside = {schema.get("targetNamespace") for schema in root.iter(f"{_XSD}schema")}
    for one in root.iter(f"{_XSD}import"):
        if one.get("namespace") in inside:
            one.attrib.pop("schemaLocation", "")


def _operations(document: Any) -> Iterator[Operation]:
    for service in document.services.values():
        for port in service.ports.values():
            binding = port.binding
            if not isinstance(binding, SoapBinding):
                continue  # HTTP GET and POST bindings
            version = "1.2" if isinstance(binding, Soap12Binding) else "1.1"
            for name, operation in binding._operations.items():
                yield Operation(service.name, port.name, name, version, binding, _answer(operation))


def _answer(operation: Any) -> str:
    body = operation.output.body if operation.output is not None else None
    return "" if body is None else str(body.name)


def _fields(kind: Any, prefix: str, around: tuple[Any, ...], budget: Iterator[int], *, needed: bool) -> Iterator[Field]:
    """Leaves below a type, which stands in those of `around`; one that holds itself is listed once. Of a choice nothing is needed
    by itself."""
    needed = needed and not _chooses(getattr(kind, "_element", None))
    for name, element in getattr(kind, "elements", ()):
        if next(budget, None) is None:
            return
        inner, many = element.type, element.accepts_multiple
        path, required = f"{prefix}{name}{'[]' if many else ''}", needed and not element.is_optional
        if _leaf(inner):
            yield _field(path, element, required)
        elif inner not in around:
            yield from _fields(inner, f"{path}.", (*around, inner), budget, needed=required)
    for name, attribute in getattr(kind, "attributes", ()):
        if name and attribute.type is not None:
            yield _field(f"{prefix}{name}", attribute, needed and bool(attribute.required))


def _found(kind: Any, names: list[str]) -> tuple[Any, str] | None:
    """Element or attribute at the end of these names, and its path with a mark at each that repeats."""
    path, found = "", None
    for place, name in enumerate(names):
        members = dict(getattr(kind, "elements", ()))
        if place == len(names) - 1:
            members = dict(getattr(kind, "attributes", ())) | members
        found = members.get(name)
        if found is None:
            return None
        kind = found.type
        path += f"{'.' if path else ''}{name}{'[]' if getattr(found, 'accepts_multiple', False) else ''}"
    return None if found is None else (found, path)


def _field(path: str, element: Any, required: bool) -> Field:
    kind, many = element.type, path.endswith("[]")
    return Field(path, _type_name(kind), required, many, isinstance(kind, (Base64Binary, HexBinary)))


def _leaf(kind: Any) -> bool:
    return not getattr(kind, "elements", ()) and not getattr(kind, "attributes", ())


def _chooses(indicator: Any) -> bool:
    """zeep gives the elements of a type in one row, whatever holds them together."""
    if isinstance(indicator, Choice):
        return True
    return isinstance(indicator, OrderIndicator) and any(_chooses(one) for one in indicator)


def _type_name(kind: Any) -> str:
    return "any" if kind is None or kind.qname is None else str(etree.QName(kind.qname).localname)
