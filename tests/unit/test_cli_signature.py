"""`lgsp signature check`: a report for people and for programs, and an exit status for scripts."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from joserfc import jws
from joserfc.jwk import RSAKey

from lgsp.cli import cli
from lgsp.http.signed import RECEIPT_TYPE, REFUSAL_TYPE
from tests import evidence
from tests.cms_signers import CONTENT, CmsRecipe
from tests.cms_signers import sign as sign_cms
from tests.pdf_signers import document
from tests.pdf_signers import sign as sign_pdf
from tests.signatures import (
    AT,
    EDOC_RECIPE,
    WITH_XADES,
    Recipe,
    agency,
    authority,
    by_xmlsec,
    case_file,
    issue,
    packet,
    rsa_key,
    stranger,
)
from tests.soap import USUAL, Message, by_xmlsec_soap, edoc_message


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


def test_revocation_of_what_leads_nowhere_is_not_checked(folder: Path) -> None:
    """A missing list is not what is wrong there."""
    result = check(folder, "stranger.xml")
    assert "Thu hồi · Revocation\n  Chưa đối chiếu.\n  Not checked." in result.output
    assert "CRL" not in result.output


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
    (said,) = json.loads(result.output)["signatures"]
    assert result.exit_code == 0
    assert (said["verdict"], said["revocation"], said["time_evidence"]) == ("verified_revocation_unknown", "unknown", "claimed")
    assert [one["what"] for one in said["covered"]] == ["signed_properties", "document"]
    broken = check(folder, "changed.xml", "--json")
    assert broken.exit_code == 1
    assert json.loads(broken.output)["signatures"][0]["refusal"]["code"] == "signature.digest"


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


@pytest.fixture
def files(folder: Path) -> Path:
    """Signed in other ways."""
    (folder / "content.bin").write_bytes(CONTENT)
    (folder / "detached.p7s").write_bytes(sign_cms())
    (folder / "detached.pem").write_bytes(b"-----BEGIN CMS-----\n" + base64.encodebytes(sign_cms()) + b"-----END CMS-----\n")
    (folder / "attached.p7m").write_bytes(sign_cms(recipe=CmsRecipe(attached=True)))
    (folder / "plain.p7s").write_bytes(sign_cms(recipe=CmsRecipe(bound="none", digest="sha512")))
    (folder / "unbound.p7m").write_bytes(sign_cms(recipe=CmsRecipe(bound="none", attached=True)))
    (folder / "old.p7s").write_bytes(sign_cms(recipe=CmsRecipe(bound="none", digest="sha1")))
    (folder / "message.xml").write_bytes(by_xmlsec_soap(agency(), USUAL))
    (folder / "untimed.xml").write_bytes(by_xmlsec_soap(agency(), Message(created=None, signed=("body-1",))))
    (folder / "edoc.xml").write_bytes(by_xmlsec(edoc_message(), agency(), EDOC_RECIPE))
    (folder / "one.pdf").write_bytes(sign_pdf(document()))
    (folder / "two.pdf").write_bytes(sign_pdf(sign_pdf(document()), "Second", stranger()))
    (folder / "unsigned.pdf").write_bytes(document())
    chain = [base64.b64encode(agency().der).decode()]
    header = {"alg": "RS256", "typ": "any+jws", "x5c": chain}
    token = jws.serialize_compact(header, b"{}", RSAKey.import_key(agency().key_pem), algorithms=["RS256"])
    (folder / "statement.jws").write_text(token + "\n")
    return folder


@pytest.mark.parametrize(
    ("name", "content", "profile"),
    [
        ("detached.p7s", True, "cades/1"),
        ("detached.pem", True, "cades/1"),
        ("attached.p7m", False, "cades/1"),
        ("plain.p7s", True, "cms/1"),
        ("one.pdf", False, "pades/1"),
        ("statement.jws", False, "jws"),
        ("plain.xml", False, "envelope/2"),
        ("message.xml", False, "soap/2"),
        ("untimed.xml", False, "soap-untimed/2"),
        ("edoc.xml", False, "edoc-soap/1"),
    ],
)
def test_the_kind_of_file_is_found_by_its_octets(files: Path, name: str, content: bool, profile: str) -> None:
    """For people and for programs, with the same status."""
    more = ["--content", str(files / "content.bin")] if content else []
    people, programs = check(files, name, *more), check(files, name, "--json", *more)
    assert (people.exit_code, programs.exit_code) == (0, 0), people.output
    assert people.output.startswith("ĐÃ XÁC MINH")
    (said,) = json.loads(programs.output)["signatures"]
    assert (said["profile"], said["verdict"]) == (profile, "verified_revocation_unknown")


@pytest.mark.parametrize(("typ", "hinted"), [(RECEIPT_TYPE, True), (REFUSAL_TYPE, True), ("any+jws", False)])
def test_who_checks_a_receipt_of_the_hub_is_told_what_verifies_it(folder: Path, typ: str, hinted: bool) -> None:
    """No certificate comes along with it, and here nobody knows the hub's keys: not verified."""
    token = jws.serialize_compact({"alg": "RS256", "kid": "k", "typ": typ}, b"{}", RSAKey.import_key(agency().key_pem), ["RS256"])
    (folder / "kept.jws").write_text(token)
    result = check(folder, "kept.jws")
    assert result.exit_code == 1 and "jws.key_unknown" in result.output
    assert (f"lgsp receipt --from {folder / 'kept.jws'} --keys jwks.json" in result.output) is hinted


def test_each_signature_of_a_pdf_has_its_verdict(files: Path) -> None:
    """One that is not valid makes the whole status 1."""
    result = check(files, "two.pdf")
    assert result.exit_code == 1
    assert "[1] CHƯA XÁC MINH ĐƯỢC" in result.output and "[2] NGUYÊN VẸN NHƯNG CHƯA TIN CẬY ĐƯỢC" in result.output
    assert "pdf.later_signature" in result.output and "The revision that was signed is intact" in result.output
    said = json.loads(check(files, "two.pdf", "--json").output)["signatures"]
    assert [one["covered"][0]["what"] for one in said] == ["revision", "file"]


@pytest.mark.parametrize(
    ("name", "more", "code"),
    [
        ("detached.p7s", [], "cms.content_missing"),
        ("unbound.p7m", ["--profile", "cades"], "cms.not_bound"),
        ("old.p7s", [], "signature.digest_method"),
        ("unsigned.pdf", [], "signature.absent"),
        ("ca.pem", ["--profile", "pdf"], "pdf.type"),
    ],
)
def test_what_is_missing_is_said_with_its_remedy(files: Path, name: str, more: list[str], code: str) -> None:
    """By its code."""
    result = check(files, name, *more)
    assert result.exit_code == 1
    assert code in result.output and "→ " in result.output


def test_sha1_has_to_be_asked_for(files: Path) -> None:
    """And is called by its name."""
    result = check(files, "old.p7s", "--profile", "cms-legacy", "--content", str(files / "content.bin"))
    assert result.exit_code == 0
    assert "CHỈ ĐỂ TRA CỨU" in result.output


class TestEvidence:
    """CRLs and OCSP answers that are given along."""

    def given(self, folder: Path, option: str, octets: bytes) -> Result:
        (folder / "evidence.der").write_bytes(octets)
        return check(folder, "plain.xml", option, str(folder / "evidence.der"))

    @pytest.mark.parametrize(
        ("option", "octets"),
        [("--crl", lambda: evidence.crl(authority())), ("--ocsp", lambda: evidence.answer(agency(), authority()))],
    )
    def test_with_evidence_it_is_verified_without_reserve(self, folder: Path, option: str, octets: Callable[[], bytes]) -> None:
        result = self.given(folder, option, octets())
        assert result.exit_code == 0
        assert result.output.startswith("ĐÃ XÁC MINH\nVERIFIED\n")

    def test_a_revoked_certificate_has_status_1(self, folder: Path) -> None:
        result = self.given(folder, "--crl", evidence.crl(authority(), {agency().certificate.serial_number: None}))
        assert result.exit_code == 1
        assert "revocation.revoked" in result.output

    @pytest.mark.parametrize(
        ("octets", "code"),
        [(lambda: evidence.crl(agency()), "crl.issuer"), (lambda: evidence.crl(authority(), by=agency()), "crl.signature")],
    )
    def test_evidence_that_says_nothing_of_the_path_is_named(self, folder: Path, octets: Callable[[], bytes], code: str) -> None:
        result = self.given(folder, "--crl", octets())
        assert result.exit_code == 1
        assert code in result.output and "evidence.der" in result.output
