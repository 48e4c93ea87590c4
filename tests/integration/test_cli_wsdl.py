"""What an operator does with a WSDL before registering it: look, put together, take a mapping, check it, register it."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from adapters.soap.registration import plan_of
from adapters.soap.wsdl import read_wsdl
from lgsp.cli import cli
from lgsp.commands.agency import in_store
from lgsp.settings import Settings
from tests.fakes.soap_system import OPTIONS, WSDL_FILE
from tests.unit.test_soap_bundle import APART, SCHEMAS


def lgsp(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


def done(*arguments: object) -> Any:
    result = lgsp(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def options(of: dict[str, str]) -> list[str]:
    return [word for name, value in of.items() for word in ("--option", f"{name}={value}")]


def test_it_lists_operations_and_fields() -> None:
    """For programs and for people."""
    found = done("agency", "wsdl", WSDL_FILE)
    assert [(one["version"], one["operation"]) for one in found][:2] == [("1.1", "TiepNhanHoSo"), ("1.1", "CapNhatTienDo")]
    assert {"path": "MaGiaoDich", "type": "string", "required": True, "many": False, "binary": False} in found[0]["fields"]
    shown = lgsp("agency", "wsdl", WSDL_FILE, "--operation", "TiepNhanHoSo").output
    assert "HoSo.DanhSachTep.Tep[].NoiDung" in shown and "(header) XacThuc.MatKhau" in shown and "VanBanXml" not in shown


def test_a_proposed_mapping_is_one_to_start_from() -> None:
    """What names agree on is filled in, what has to be filled besides is said; then it is right, and the message is shown."""
    told = lgsp("agency", "wsdl", WSDL_FILE, "--kind", "case.file").output
    words = shlex.split(told.rpartition("\n")[0].rsplit("\n", 1)[0], comments=True)
    proposed = dict(word.split("=", 1) for word in words if word != "--option")
    assert proposed["case.file:field.HoSo.Ma_ho_so"] == "{body.case_number}"
    assert proposed["case.file:field.HoSo.TenTTHC"] == "{body.procedure.name}"
    assert proposed["case.file:field.HoSo.ChuHoSo"] == "{body.applicant.name}"
    assert proposed["case.file:field.HoSo.DanhSachTep.Tep[files].NoiDung"] == "{file.content}"
    assert proposed["case.file:field.MaGiaoDich"] == "{delivery.id}"
    assert proposed["case.file:field.HoSo.Loai"] == ""
    given = options(proposed | {"case.file:field.HoSo.Loai": "1"})
    checked = done("agency", "wsdl", WSDL_FILE, "--kind", "case.file", *given)
    assert checked["operation"] == "TiepNhanHoSo" and ">1</" in checked["message"] and "giấy tờ.pdf" in checked["message"]


def test_registering_a_proposal_says_what_is_still_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it waits for the first message that cannot be made."""
    monkeypatch.setenv("LGSP_DATA_DIR", str(tmp_path))
    done("agency", "add", "H01.20", "--name", "Trung tâm phục vụ hành chính công")
    proposed = done("agency", "wsdl", WSDL_FILE, "--kind", "case.file")
    register = ("agency", "endpoint", "H01.20", "http://127.0.0.1:9/DichVu.asmx", "--adapter", "soap", "--wsdl", WSDL_FILE)
    refused = lgsp(*register, *options(proposed))
    assert refused.exit_code == 1 and "demands HoSo.Loai" in refused.output
    done(*register, *options(proposed | {"case.file:field.HoSo.Loai": "1"}))


def test_a_document_is_proposed_with_its_files_inside() -> None:
    """What the hub keeps of it has none; so the packet is made whole, which wants a name for the hub in its trace."""
    found = done("agency", "wsdl", WSDL_FILE, "--kind", "document.packet", "--operation", "NhanVanBan")
    assert found["document.packet:field.VanBan"] == "{packet}" and found["document.packet:organid"] == ""
    assert found["document.packet:field.VanBanXml._value_1"] == "{packet|xml}"
    given = options(found | {"document.packet:organid": "000.00.77.H77"})
    message = done("agency", "wsdl", WSDL_FILE, "--kind", "document.packet", *given)["message"]
    assert "000.00.77.H77" in message


@pytest.mark.parametrize("kind", ["case.file", "case.progress", "document.packet"])
def test_the_mapping_of_the_simulated_system_is_right(kind: str) -> None:
    """By the command that integrators use; the secret is not asked for and not shown."""
    found = done("agency", "wsdl", WSDL_FILE, "--kind", kind, *options(dict(OPTIONS)))
    assert found["valid"] and "***" in found["message"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kind", "case.file", "--option", "field.MaGiaoDic=x"], "perhaps MaGiaoDich"),
        (["--kind", "case.file", "--option", "field.MaGiaoDich={body.case_numbr}"], "perhaps case_number"),
        (["--kind", "case.file", "--option", "field.MaGiaoDich=x"], "demands HoSo.Ma_ho_so, HoSo.Loai"),
        (["--kind", "case.fil"], "case.fil"),
        (["--operation", "KhongCo"], "there are: TiepNhanHoSo"),
        (["--with", str(WSDL_FILE)], "needs no soap_system.wsdl"),
    ],
)
def test_what_is_wrong_is_told_with_its_remedy(arguments: list[str], words: str) -> None:
    """Exit status 1, on standard error."""
    result = lgsp("agency", "wsdl", WSDL_FILE, *arguments)
    assert result.exit_code == 1 and words in result.output and "→" in result.output


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"case.file:field.HoSo.Ma_ho_s": "x"}, "perhaps HoSo.Ma_ho_so"),
        ({"case.fille:operation": "TiepNhanHoSo"}, "case.fille"),
        ({"port": "Soap13"}, "no operation"),
    ],
)
def test_a_typing_error_is_told_when_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], words: str
) -> None:
    """Not when the first message goes out; and nothing of it is stored."""
    monkeypatch.setenv("LGSP_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("LGSP_SETTINGS", raising=False)
    lgsp("agency", "add", "H01.20", "--name", "Sở Tài chính")
    given = ["--adapter", "soap", "--wsdl", WSDL_FILE, *options(dict(OPTIONS) | changes)]
    told = lgsp("agency", "endpoint", "H01.20", "http://127.0.0.1:9/", *given)
    assert told.exit_code == 1 and words in told.output and "adapters/soap/README.md" in told.output
    assert "no WSDL" in lgsp("agency", "endpoint", "H01.20", "http://127.0.0.1:9/", "--adapter", "soap").output
    directory = in_store(Settings(data_dir=tmp_path / "var"), lambda store: store.directory())
    assert directory.agencies["H01.20"].endpoint is None


def test_put_together_and_registered_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the files that a service hands out to an endpoint in the directory, whose secret is where it belongs."""
    monkeypatch.setenv("LGSP_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.delenv("LGSP_SETTINGS", raising=False)
    (tmp_path / "motcua.wsdl").write_text(APART, "utf-8")
    for name, octets in SCHEMAS.items():
        (tmp_path / name).write_bytes(octets)
    (tmp_path / "secret").write_text("mật khẩu\n", "utf-8")
    beside = [word for name in SCHEMAS for word in ("--with", str(tmp_path / name))]
    one = tmp_path / "one.wsdl"
    assert lgsp("agency", "wsdl", tmp_path / "motcua.wsdl", *beside, "-o", one).exit_code == 0
    assert lgsp("agency", "add", "H01.20", "--name", "Sở Tài chính").exit_code == 0
    given = ["--adapter", "soap", "--wsdl", one, "--secret-file", tmp_path / "secret", *options(dict(OPTIONS))]
    assert lgsp("agency", "endpoint", "H01.20", "http://127.0.0.1:9/DichVu.asmx", *given).exit_code == 0
    directory = in_store(Settings(data_dir=tmp_path / "var"), lambda store: store.directory())
    endpoint = directory.agencies["H01.20"].endpoint
    assert endpoint is not None and endpoint.secret == "mật khẩu" and endpoint.options == OPTIONS
    assert plan_of(read_wsdl(endpoint.wsdl), endpoint.options, "case.file/1").operation.name == "TiepNhanHoSo"
