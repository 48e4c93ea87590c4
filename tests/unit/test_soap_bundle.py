"""A WSDL and the schemas beside it as one file."""

import re

import pytest

from adapters.soap.bundle import bundled
from adapters.soap.wsdl import WsdlError, read_wsdl
from tests.fakes.soap_system import WSDL

_SCHEMA = re.compile(r"    <xs:schema .*?</xs:schema>\n", re.DOTALL)
MAIN, RESULT = (found[0].strip() for found in _SCHEMA.finditer(WSDL))
XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
SCHEMAS = {
    "xsd0.xsd": MAIN.replace("<xs:schema ", f'<xs:schema {XS} xmlns:tns="http://motcua.angiang.gov.vn/" ').encode(),
    "xsd1.xsd": RESULT.replace("<xs:schema ", f"<xs:schema {XS} ").encode(),
}
APART = _SCHEMA.sub("", WSDL).replace(
    "<wsdl:types>\n",
    '<wsdl:types><xs:schema><xs:import namespace="http://motcua.angiang.gov.vn/"'
    ' schemaLocation="http://10.20.30.40/DichVu.asmx?xsd=xsd0"/></xs:schema>\n',
)


def test_imported_schemas_are_put_inside() -> None:
    """As a service of .NET or Java hands it out: the WSDL imports a schema, which imports another."""
    with pytest.raises(WsdlError, match="not inside"):
        read_wsdl(APART)
    text, left = bundled(APART.encode(), {**SCHEMAS, "other.xsd": SCHEMAS["xsd1.xsd"].replace(b"urn:motcua", b"urn:other")})
    assert left == ["other.xsd"]
    whole, apart = read_wsdl(WSDL), read_wsdl(text)
    assert [one.fields for one in apart.operations] == [one.fields for one in whole.operations]


def test_included_schemas_stand_in_the_place_of_the_include() -> None:
    """Also one that has no namespace of its own, and one that is included twice."""
    head, types, rest = (
        part.strip() for part in re.split(r'(?=<xs:complexType name="ThongTinHS">)|(?=<xs:element name="CapNhatTienDo">)', MAIN)
    )
    include = '<xs:include schemaLocation="./kieu/chung.xsd"/>'
    chameleon = f'<xs:schema {XS} xmlns:tns="http://motcua.angiang.gov.vn/" elementFormDefault="qualified">{types}</xs:schema>'
    wsdl = WSDL.replace(MAIN, head.replace("<xs:import", f"{include}{include}<xs:import") + rest)
    assert wsdl != WSDL
    with pytest.raises(WsdlError, match="is included and not among"):
        bundled(wsdl.encode(), {"khac.xsd": chameleon.encode()})
    text, left = bundled(wsdl.encode(), {"chung.xsd": chameleon.encode()})
    assert left == []
    assert read_wsdl(text).operation("TiepNhanHoSo").fields == read_wsdl(WSDL).operation("TiepNhanHoSo").fields


@pytest.mark.parametrize(
    ("wsdl", "schemas", "words"),
    [
        (b"<a/>", {}, "no types"),
        (b"<a", {}, "the WSDL: not well-formed"),
        (WSDL.encode(), {"a.xsd": b"<!DOCTYPE a><a/>"}, "a.xsd: a document type"),
        (WSDL.replace("<xs:import ", '<xs:redefine schemaLocation="a.xsd"/><xs:import ').encode(), {}, "redefine"),
    ],
)
def test_what_cannot_be_put_together_is_told(wsdl: bytes, schemas: dict[str, bytes], words: str) -> None:
    """Naming the file."""
    with pytest.raises(WsdlError, match=words):
        bundled(wsdl, schemas)
