"""Services of other shapes than the usual one: rpc style, choices, attributes, types that hold themselves, single values."""

from collections.abc import Mapping

import pytest
from lxml import etree

from adapters.soap.mapping import request_of
from adapters.soap.registration import plan_of
from adapters.soap.wsdl import Field, WsdlError, read_wsdl
from tests.unit.test_soap_messages import CASE, NONCE, NOW, parcel


def service(types: str, parts: str, *, style: str = "document", output: str = "") -> str:
    """A WSDL of one operation, `nhan`, in namespace urn:s."""
    answer = f'<w:message name="out">{output}</w:message>' if output else ""
    return f"""<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
      xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:s" targetNamespace="urn:s">
      <w:types><x:schema targetNamespace="urn:s" elementFormDefault="qualified">{types}</x:schema></w:types>
      <w:message name="in">{parts}</w:message>{answer}
      <w:portType name="p"><w:operation name="nhan"><w:input message="t:in"/>{'<w:output message="t:out"/>' if output else ""}
      </w:operation></w:portType>
      <w:binding name="b" type="t:p"><s:binding style="{style}" transport="http://schemas.xmlsoap.org/soap/http"/>
        <w:operation name="nhan"><s:operation soapAction="urn:s#nhan"/>
        <w:input><s:body use="literal" namespace="urn:s"/></w:input>
        {'<w:output><s:body use="literal" namespace="urn:s"/></w:output>' if output else ""}</w:operation></w:binding>
      <w:service name="s"><w:port name="p" binding="t:b"><s:address location="http://10.0.0.1/"/></w:port></w:service>
    </w:definitions>"""


def element(inside: str) -> str:
    return f'<x:element name="nhan"><x:complexType>{inside}</x:complexType></x:element>'


ELEMENT = '<w:part name="parameters" element="t:nhan"/>'


def fields(wsdl: str) -> dict[str, Field]:
    return {one.path: one for one in read_wsdl(wsdl).operation("nhan").fields}


def content(wsdl: str, options: Mapping[str, str]) -> etree._Element:
    plan = plan_of(read_wsdl(wsdl), options, "case.file/1")
    return etree.fromstring(request_of(plan, parcel(), {}, "", NOW, NONCE).body)[-1][0]


def said(wsdl: str, options: Mapping[str, str]) -> str:
    """The content without prefixes."""
    found = etree.fromstring(etree.tostring(content(wsdl, options)))
    for one in found.iter("*"):
        one.tag = etree.QName(one).localname
    etree.cleanup_namespaces(found)
    return etree.tostring(found, encoding="unicode")


@pytest.mark.parametrize("binary", ["inline", "mtom"])
@pytest.mark.parametrize(
    ("soap", "action", "content_type", "header"),
    [
        ("soap", "urn:s#nhan", "text/xml; charset=utf-8", '"urn:s#nhan"'),
        ("soap", "", "text/xml; charset=utf-8", '""'),
        ("soap", "urn:&#10;X-Evil: &quot;1", "text/xml; charset=utf-8", '"urn:X-Evil: 1"'),
        ("soap12", "urn:s#nhan", 'application/soap+xml; charset=utf-8; action="urn:s#nhan"', None),
        ("soap12", "", "application/soap+xml; charset=utf-8", None),
    ],
)
def test_the_action_stands_where_its_version_wants_it(
    soap: str, action: str, content_type: str, header: str | None, binary: str
) -> None:
    """And nowhere when there is none."""
    wsdl = service(element('<x:sequence><x:element name="ma" type="x:base64Binary"/></x:sequence>'), ELEMENT)
    wsdl = wsdl.replace("http://schemas.xmlsoap.org/wsdl/soap/", f"http://schemas.xmlsoap.org/wsdl/{soap}/")
    wsdl = wsdl.replace(' soapAction="urn:s#nhan"', f' soapAction="{action}"' if action else "")
    plan = plan_of(read_wsdl(f"\ufeff\n{wsdl}"), {"field.ma": "{content}", "binary": binary}, "case.file/1")
    headers = request_of(plan, parcel(), {}, "", NOW, NONCE).headers
    assert headers.get("SOAPAction") == header
    if binary == "inline":
        assert headers["Content-Type"] == content_type
    else:
        assert headers["Content-Type"].startswith("multipart/related; ")
        assert headers["Content-Type"].endswith('; action="urn:s#nhan"') == (soap == "soap12" and bool(action))


def test_rpc_style_wraps_parts_in_the_name_of_the_operation() -> None:
    """Parts have types instead of elements, and no namespace (WS-I BP 1.1, R2735)."""
    wsdl = service("", '<w:part name="ma" type="x:string"/><w:part name="so" type="x:int"/>', style="rpc")
    assert fields(wsdl).keys() == {"ma", "so"}
    found = content(wsdl, {"field.ma": "{body.case_number}", "field.so": "7"})
    assert found.tag == "{urn:s}nhan" and [(one.tag, one.text) for one in found] == [("ma", CASE.case_number), ("so", "7")]


def test_one_of_a_choice_is_enough() -> None:
    """Nothing of it is demanded by itself."""
    wsdl = service(
        element(
            '<x:sequence><x:element name="ma" type="x:string"/><x:choice>'
            '<x:element name="cccd" type="x:string"/><x:element name="mst" type="x:string"/></x:choice></x:sequence>'
        ),
        ELEMENT,
    )
    assert not any(one.required for one in fields(wsdl).values())
    assert said(wsdl, {"field.ma": "1", "field.mst": "2"}) == "<nhan><ma>1</ma><mst>2</mst></nhan>"


def test_attributes_are_fields_too() -> None:
    """Demanded ones as well."""
    inside = '<x:sequence><x:element name="ma" type="x:string"/></x:sequence><x:attribute name="phienBan" use="required"/>'
    wsdl = service(element(inside), ELEMENT)
    assert fields(wsdl)["phienBan"].required
    with pytest.raises(WsdlError, match="demands phienBan"):
        said(wsdl, {"field.ma": "1"})
    assert said(wsdl, {"field.ma": "1", "field.phienBan": "2.0"}) == '<nhan phienBan="2.0"><ma>1</ma></nhan>'


def test_a_type_that_holds_itself_ends_somewhere() -> None:
    """Trees of units, for instance."""
    unit = (
        '<x:complexType name="DonVi"><x:sequence><x:element name="ten" type="x:string"/>'
        '<x:element name="con" type="t:DonVi" minOccurs="0" maxOccurs="unbounded"/></x:sequence></x:complexType>'
    )
    wsdl = service(unit + element('<x:sequence><x:element name="donVi" type="t:DonVi"/></x:sequence>'), ELEMENT)
    assert len(fields(wsdl)) < 20
    given = {"field.donVi.ten": "A", "field.donVi.con.ten": "B"}
    assert said(wsdl, given) == "<nhan><donVi><ten>A</ten><con><ten>B</ten></con></donVi></nhan>"


def test_many_types_that_hold_each_other_are_not_walked_for_ever() -> None:
    """Ten types with ten elements of each other: a hundred billion paths, of which the first are listed."""
    inside = "".join(f'<x:element name="e{number}" type="t:T{number}" minOccurs="0"/>' for number in range(10))
    types = "".join(f'<x:complexType name="T{number}"><x:sequence>{inside}</x:sequence></x:complexType>' for number in range(10))
    wsdl = service(types + element(f"<x:sequence>{inside}</x:sequence>"), ELEMENT)
    with pytest.raises(WsdlError, match="operation has no khongCo"):
        said(wsdl, {"field.khongCo": "1"})


def test_lists_of_the_body_repeat_an_element() -> None:
    """Entry by entry, in their order; a list of single values, too."""
    paper = '<x:complexType><x:sequence><x:element name="ten" type="x:string"/></x:sequence></x:complexType>'
    wsdl = service(
        element(
            f'<x:sequence><x:element name="giayTo" minOccurs="0" maxOccurs="unbounded">{paper}</x:element>'
            '<x:element name="ma" type="x:string" minOccurs="0" maxOccurs="unbounded"/></x:sequence>'
        ),
        ELEMENT,
    )
    found = content(wsdl, {"field.giayTo[body.papers].ten": "{item.name}", "field.ma[body.aliases]": "{item.value}"})
    texts = [(etree.QName(one).localname, one.text) for one in found.iter("*") if not len(one)]
    assert texts == [("ten", one.name) for one in CASE.papers] + [("ma", one.value) for one in CASE.aliases]


def test_an_operation_of_a_single_value_takes_the_option_field() -> None:
    """Services that take the whole message as one string."""
    wsdl = service('<x:element name="nhan" type="x:string"/>', ELEMENT)
    assert said(wsdl, {"field": "<hs>{body.case_number}</hs>"}) == f"<nhan>&lt;hs&gt;{CASE.case_number}&lt;/hs&gt;</nhan>"


def test_a_derived_type_takes_its_own_fields_and_those_of_its_base() -> None:
    """Extension, which Java services like."""
    base = '<x:complexType name="Goc"><x:sequence><x:element name="ma" type="x:string"/></x:sequence></x:complexType>'
    more = (
        '<x:complexType name="HoSo"><x:complexContent><x:extension base="t:Goc"><x:sequence>'
        '<x:element name="ten" type="x:string"/></x:sequence></x:extension></x:complexContent></x:complexType>'
    )
    wsdl = service(base + more + element('<x:sequence><x:element name="hoSo" type="t:HoSo"/></x:sequence>'), ELEMENT)
    given = {"field.hoSo.ma": "1", "field.hoSo.ten": "2"}
    assert said(wsdl, given) == "<nhan><hoSo><ma>1</ma><ten>2</ten></hoSo></nhan>"


def test_what_is_nillable_is_left_out_or_given() -> None:
    """A demanded nillable element of which nothing is known is xsi:nil, as the schema wants it."""
    wsdl = service(element('<x:sequence><x:element name="ma" type="x:string" nillable="true"/></x:sequence>'), ELEMENT)
    ((_, nil),) = content(wsdl, {"field.ma": "{identifier.document}"})[0].attrib.items()
    assert nil == "true"
    assert content(wsdl, {"field.ma": "{body.case_number}"})[0].text == CASE.case_number
