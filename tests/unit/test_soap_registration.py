"""Options of an endpoint, held against its WSDL and the kind: what cannot be right is told, with what was perhaps meant."""

from collections.abc import Mapping

import pytest

from adapters.soap.registration import plan_of
from adapters.soap.wsdl import MAX_WSDL_BYTES, Description, WsdlError, read_wsdl
from contracts.errors import ContractError
from tests.fakes.soap_system import OPTIONS, WSDL


@pytest.fixture(scope="module")
def description() -> Description:
    return read_wsdl(WSDL)


def test_a_wsdl_says_what_can_be_called_and_with_what(description: Description) -> None:
    """Both bindings of each operation, fields with their types, and which of them have to be there or may repeat."""
    assert [(one.port, one.version, one.name) for one in description.operations] == [
        (f"CongThongTinMotCua{port}", version, name)
        for port, version in (("Soap", "1.1"), ("Soap12", "1.2"))
        for name in ("TiepNhanHoSo", "CapNhatTienDo", "NhanVanBan")
    ]
    one = description.operation("TiepNhanHoSo")
    fields = {field.path: field for field in one.fields}
    assert list(fields) == [
        "MaGiaoDich",
        *(f"HoSo.{name}" for name in ("Ma_ho_so", "TenTTHC", "ChuHoSo", "TrichYeu", "NgayTiepNhan", "DonViGui", "Loai")),
        *(f"HoSo.DanhSachTep.Tep[].{name}" for name in ("TenTep", "KieuTep", "NoiDung")),
    ]
    assert fields["HoSo.Ma_ho_so"].required and not fields["HoSo.ChuHoSo"].required
    assert fields["HoSo.DanhSachTep.Tep[].NoiDung"].binary and not fields["HoSo.Loai"].binary
    assert fields["HoSo.Loai"].type == "int"
    assert [field.path for field in one.headers] == ["XacThuc.TaiKhoan", "XacThuc.MatKhau"]
    assert one.answer == "TiepNhanHoSoResponse"


def test_it_is_parsed_once(description: Description) -> None:
    """By its digest, another text object or not."""
    assert read_wsdl(WSDL[:10] + WSDL[10:]) is description


@pytest.mark.parametrize("kind", ["case.file/1", "case.progress/1", "document.packet/1"])
def test_the_options_of_the_simulated_system_are_right(description: Description, kind: str) -> None:
    """For each kind that it takes."""
    assert plan_of(description, OPTIONS, kind).operation.name in ("TiepNhanHoSo", "CapNhatTienDo", "NhanVanBan")


def wrong(description: Description, changes: Mapping[str, str], kind: str = "case.file/1") -> str:
    with pytest.raises(WsdlError) as told:
        plan_of(description, {**OPTIONS, **changes}, kind)
    return str(told.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"case.file:field.HoSo.Ma_ho_s": "x"}, "perhaps HoSo.Ma_ho_so"),
        ({"case.file:field.HoSo.ChuHoSo": "{body.applicant.nam}"}, "perhaps name"),
        ({"case.file:field.HoSo.ChuHoSo": "{boddy.applicant}"}, "perhaps body"),
        ({"case.file:field.HoSo.ChuHoSo": "{body.applicant.name"}, "single brace"),
        ({"case.file:field.HoSo.ChuHoSo": "{body.applicant.name|upper}"}, "there is no filter upper"),
        ({"case.file:field.HoSo.ChuHoSo": "{file.name}"}, "repeats: name[files]"),
        ({"case.file:field.HoSo.ChuHoSo": "{item.name}"}, "repeats: name[body.papers]"),
        ({"case.file:field.HoSo.DanhSachTep.Tep[files].TenTep": "{file.nam}"}, "file has content"),
        ({"case.file:field.HoSo.DanhSachTep.Tep[body.papers].TenTep": "{item.naam}"}, "perhaps name"),
        ({"case.file:field.HoSo[files].ChuHoSo": "x"}, "has no HoSo[].ChuHoSo"),
        ({"case.file:field.HoSo..ChuHoSo": "x"}, "no path of elements"),
        ({"case.file:field.HoSo.DonViGui": "{envelope.sende}"}, "envelope has"),
        ({"case.file:field.HoSo.DonViGui": "{secret.password}"}, "nothing inside"),
        ({"case.file:field.HoSo.DonViGui": "{packet}"}, "case.file is no packet"),
        ({"case.file:header.XacThuc.Khoa": "x"}, "has no XacThuc.Khoa"),
        ({"http.X-Key": "{secrets}"}, "perhaps secret"),
        ({"http.Content-Length": "5"}, "no header that may be set"),
        ({"http.host": "elsewhere"}, "no header that may be set"),
        ({"http.X Key": "x"}, "no header that may be set"),
        ({"case.file:operation": "TiepNhanHS"}, "there are: TiepNhanHoSo, CapNhatTienDo, NhanVanBan"),
        ({"port": "Soap13"}, "no operation"),
        ({"case.file:operation": "NhanVanBan", "case.file:field.HoSo.ChuHoSo": "x"}, "has no"),
        ({"opperation": "x"}, "perhaps operation"),
        ({"binary": "swa"}, "inline, mtom"),
        ({"security": "kerberos"}, "none, username"),
        ({"security": "username"}, "needs security.username"),
        ({"security": "x509"}, "needs security.certificate"),
        ({"answer.field": ""}, "go together"),
        ({"answer.delivered": ""}, "go together"),
    ],
)
def test_what_cannot_be_right_is_told(description: Description, changes: Mapping[str, str], words: str) -> None:
    """In words that whoever registers the endpoint can act on."""
    assert words in wrong(description, changes)


def test_a_packet_needs_the_code_of_the_hub(description: Description) -> None:
    """It stands in the trace of what is handed on; the attachments of the envelope are wanted then."""
    changes = {"document.packet:field.VanBan": "{packet}"}
    assert "organid" in wrong(description, changes, "document.packet/1")
    plan = plan_of(description, {**OPTIONS, **changes, "organid": "000.00.00.W29"}, "document.packet/1")
    assert (plan.hop, plan.wants_files) == ("000.00.00.W29", True)


def test_what_counts_for_one_kind_disturbs_no_other(description: Description) -> None:
    """Fields of one kind replace all general ones; other options one by one."""
    plan = plan_of(description, {**OPTIONS, "field.Chung": "x", "operation": "Khac"}, "case.progress/1")
    assert plan.operation.name == "CapNhatTienDo"
    assert "there is no operation Khac" in wrong(description, {"operation": "Khac"}, "case.result/1")


def test_a_kind_that_nobody_has_heard_of_is_refused(description: Description) -> None:
    """It is the message, not the registration, that cannot be right."""
    with pytest.raises(ContractError) as refused:
        plan_of(description, OPTIONS, "unheard.of/1")
    assert refused.value.code == "kind.unknown"


@pytest.mark.filterwarnings("ignore::UserWarning:zeep")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not well-formed"),
        ("<a/>", ""),
        ("không phải WSDL", "not well-formed"),
        ("<!DOCTYPE a>" + WSDL.partition("?>")[2], "document type"),
        ("<a>" * 500 + "</a>" * 500, "not well-formed"),
        ("x" * (MAX_WSDL_BYTES + 1), "larger than"),
        (WSDL.replace('namespace="urn:motcua:ketqua"', 'namespace="urn:elsewhere"'), "is not inside; nothing is fetched"),
        (WSDL.replace('type="kq:KetQua"', 'type="kq:KhongCo"'), ""),
        (WSDL.replace('element="tns:TiepNhanHoSo"', 'element="tns:KhongCo"'), ""),
        (WSDL.replace('message="tns:TiepNhanHoSoSoapIn"', 'message="tns:KhongCo"'), ""),
    ],
    ids=["empty", "another root", "text", "DTD", "deep", "huge", "import from elsewhere", "no type", "no element", "no message"],
)
def test_a_wsdl_that_cannot_be_right_is_told(text: str, words: str) -> None:
    """Never fetched, never raised as anything else, and the second time told from memory."""
    for _ in range(2):
        with pytest.raises(WsdlError) as told:
            plan_of(read_wsdl(text), OPTIONS, "case.file/1")
        assert words in str(told.value)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("<wsdl:types>", '<wsdl:import namespace="urn:x" location="http://127.0.0.1:1/x.wsdl"/><wsdl:types>'),
        ("<wsdl:types>", '<wsdl:import namespace="urn:x" location="file:///etc/passwd"/><wsdl:types>'),
        ('<xs:element name="XacThuc">', '<xs:include schemaLocation="/etc/passwd"/><xs:element name="XacThuc">'),
        ('<xs:element name="XacThuc">', '<xs:import namespace="urn:y" schemaLocation="y.xsd"/><xs:element name="XacThuc">'),
    ],
)
def test_nothing_is_fetched_and_no_file_is_read(place: str, value: str) -> None:
    """Whatever the description refers to is told, by its address."""
    with pytest.raises(WsdlError, match="is not inside"):
        read_wsdl(WSDL.replace(place, value, 1))


def test_attributes_of_the_xml_namespace_are_known() -> None:
    """Its schema is the same everywhere, and imported by many."""
    found = read_wsdl(WSDL.replace('<xs:element name="XacThuc">', '<xs:import namespace="http://www.w3.org/XML/1998/namespace"/>'
                                   '<xs:element name="XacThuc">', 1))  # fmt: skip
    assert len(found.operations) == 6
