"""`lgsp signature check`: a report for people and for programs, and an exit status for scripts."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lgsp.cli import cli
from tests.signatures import AT, WITH_XADES, Recipe, agency, authority, by_xmlsec, case_file, issue, packet, rsa_key, stranger


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_bytes(authority().pem)
    (tmp_path / "plain.xml").write_bytes(by_xmlsec(case_file(), agency()))
    (tmp_path / "xades.xml").write_bytes(by_xmlsec(case_file(), agency(), WITH_XADES))
    (tmp_path / "edxml.xml").write_bytes(by_xmlsec(packet(), agency(), Recipe(header=True)))
    (tmp_path / "stranger.xml").write_bytes(by_xmlsec(case_file(), stranger()))
    (tmp_path / "changed.xml").write_bytes((tmp_path / "plain.xml").read_bytes().replace("Đào".encode(), b"Mai"))
    return tmp_path


def check(folder: Path, name: str, *more: str) -> Result:
    anchor = ["--anchor", str(folder / "ca.pem"), "--at", AT.isoformat()]
    return CliRunner().invoke(cli, ["signature", "check", str(folder / name), *anchor, *more])


@pytest.mark.parametrize("name", ["plain.xml", "xades.xml", "edxml.xml"])
def test_a_valid_signature_has_status_0(folder: Path, name: str) -> None:
    """The profile is found by the root; both languages say that revocation was not looked at."""
    result = check(folder, name)
    assert result.exit_code == 0
    assert result.output.startswith("ĐÃ XÁC MINH, CHƯA RÕ TÌNH TRẠNG THU HỒI\nVERIFIED, REVOCATION UNKNOWN\n")
    assert "CN=Sở Nông nghiệp và Môi trường" in result.output


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("changed.xml", "signature.digest  Nội dung đã bị thay đổi sau khi ký"),
        ("stranger.xml", "NGUYÊN VẸN NHƯNG CHƯA TIN CẬY ĐƯỢC"),
        ("ca.pem", "xml.not_well_formed"),
    ],
)
def test_anything_else_has_status_1_and_says_why(folder: Path, name: str, said: str) -> None:
    """With the rule and its remedy."""
    result = check(folder, name)
    assert result.exit_code == 1
    assert said in result.output
    assert "→ " in result.output


def test_intact_without_an_anchor_is_not_valid(folder: Path) -> None:
    """Nobody said whom to trust."""
    result = CliRunner().invoke(cli, ["signature", "check", str(folder / "plain.xml"), "--at", AT.isoformat()])
    assert result.exit_code == 1
    assert "path.no_anchors" in result.output


def test_the_named_profile_decides(folder: Path) -> None:
    """An envelope without properties is none of XAdES-B."""
    assert "xades.absent" in check(folder, "plain.xml", "--profile", "envelope-xades").output


def test_programs_get_codes(folder: Path) -> None:
    """The same exit status, every state by its name."""
    result = check(folder, "xades.xml", "--json")
    said = json.loads(result.output)
    assert result.exit_code == 0
    assert (said["verdict"], said["revocation"], said["time_evidence"]) == ("verified_revocation_unknown", "unknown", "claimed")
    assert [one["what"] for one in said["covered"]] == ["signed_properties", "document"]
    broken = check(folder, "changed.xml", "--json")
    assert broken.exit_code == 1
    assert json.loads(broken.output)["refusal"]["code"] == "signature.digest"


@pytest.mark.parametrize(("option", "value"), [("--at", "yesterday"), ("--at", "2026-11-18T08:00:00"), ("--profile", "any")])
def test_a_wrong_option_is_no_verdict(folder: Path, option: str, value: str) -> None:
    """Exit status 2, as for every command."""
    assert check(folder, "plain.xml", option, value).exit_code == 2


def test_an_anchor_that_is_no_certificate_is_refused(folder: Path) -> None:
    """With a remedy."""
    result = check(folder, "plain.xml", "--anchor", str(folder / "plain.xml"))
    assert result.exit_code == 1
    assert "no certificate in PEM" in result.output


def test_a_stranger_cannot_write_lines_into_the_report(folder: Path) -> None:
    """Names in certificates are their owners' text."""
    liar = issue("x\nĐÃ XÁC MINH\x1b[2J\u202e", rsa_key())
    (folder / "liar.xml").write_bytes(by_xmlsec(case_file(), liar))
    output = check(folder, "liar.xml").output
    assert "\nĐÃ XÁC MINH" not in output
    assert "\x1b[2J" not in output and "\u202e" not in output
