"""The little PKI for trying things out: openssl accepts what it makes, the hub's own path check too, and keys stay private."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lgsp.cli import cli
from lgsp.trust.demo_pki import DemoPki, Holder
from signing.paths import Anchors
from signing.report import Signer, Trust

AT = datetime(2026, 11, 28, 8, tzinfo=UTC)
COMMUNE, LONG = "H01.101", "H01.22.01"
AGENCIES = {
    COMMUNE: "Ủy ban nhân dân xã Mỹ Hòa Hưng",
    LONG: "Trung tâm Phục vụ hành chính công, Văn phòng Ủy ban nhân dân tỉnh An Giang",
}


@pytest.fixture(scope="module")
def pki() -> DemoPki:
    return DemoPki.make(AGENCIES, AT)


def trust(pki: DemoPki, holder: Holder) -> Trust:
    signer, *others = (
        Signer(one.public_bytes(Encoding.DER), one, one.public_key()) for one in (holder.certificate, *holder.issuers)
    )
    return Anchors((pki.document_anchor,)).path(signer, others, AT).trust


def lgsp(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["demo-pki", *map(str, arguments)])


def files(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.parametrize("code", AGENCIES)
def test_seals_and_officials_lead_to_the_anchor_for_documents(pki: DemoPki, code: str) -> None:
    """And the authority for time-stamps does not: who vouches for one vouches for nothing else."""
    for holder in (pki.seal(code), pki.person(code), pki.person(code, "deputy")):
        assert trust(pki, holder) is Trust.TRUSTED
    assert trust(pki, pki.holders["services/time-stamps"]) is Trust.NOT_TRUSTED
    assert trust(pki, pki.holders["examples/expired"]) is Trust.NOT_TRUSTED


def test_who_encloses_only_its_own_certificate_is_found_by_intermediates_kept_here(pki: DemoPki) -> None:
    """They are a hint, never an anchor."""
    seal = pki.seal(COMMUNE)
    alone = Signer(seal.certificate.public_bytes(Encoding.DER), seal.certificate, seal.certificate.public_key())
    assert Anchors((pki.document_anchor,)).path(alone, (), AT).trust is Trust.NOT_TRUSTED
    assert Anchors((pki.document_anchor,), seal.issuers).path(alone, (), AT).trust is Trust.TRUSTED
    assert Anchors((pki.time_stamp_anchor,), seal.issuers).path(alone, (), AT).trust is Trust.NOT_TRUSTED


def test_subjects_say_who_it_is_and_that_it_is_worth_nothing(pki: DemoPki) -> None:
    """An agency is found by its code and by what Vietnamese authorities write into UID."""
    for holder in pki.holders.values():
        assert "KHÔNG CÓ GIÁ TRỊ PHÁP LÝ" in holder.certificate.subject.rfc4514_string()
    seal, head = pki.seal(COMMUNE).certificate.subject, pki.person(COMMUNE).certificate.subject
    assert seal.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == AGENCIES[COMMUNE]
    assert [str(one.value)[:4] for one in seal.get_attributes_for_oid(NameOID.USER_ID)] == ["MNS:", "MST:"]
    assert seal.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)[0].value == f"GOVVN-{COMMUNE}"
    assert head.get_attributes_for_oid(NameOID.TITLE)[0].value == "Chủ tịch"
    assert str(head.get_attributes_for_oid(NameOID.USER_ID)[0].value).startswith("CCCD:000")


def test_openssl_accepts_paths_and_lists(pki: DemoPki, tmp_path: Path) -> None:
    """The independent reader finds the same: good with its lists, revoked, expired."""
    pki.save(tmp_path, AT)
    lists = tmp_path / "lists.pem"
    for issuer in ("root", "agencies", "persons"):
        crl = x509.load_der_x509_crl((tmp_path / f"crl/{issuer}.crl").read_bytes())
        with lists.open("ab") as file:
            file.write(crl.public_bytes(Encoding.PEM))

    def openssl(name: str) -> str:
        chain = tmp_path / f"{name}.pem"
        command = ["openssl", "verify", "-attime", str(int(AT.timestamp())), "-crl_check_all", "-CRLfile", str(lists)]
        command += ["-CAfile", str(tmp_path / "anchors/documents.pem"), "-untrusted", str(chain), str(chain)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        return done.stdout + done.stderr

    for name in (f"agencies/{COMMUNE}/seal", f"agencies/{LONG}/head"):
        assert openssl(name).strip().endswith(": OK")
    assert "certificate revoked" in openssl("examples/revoked")
    assert "certificate has expired" in openssl("examples/expired")


def test_only_the_owner_reads_keys(pki: DemoPki, tmp_path: Path) -> None:
    """Whatever the umask says."""
    pki.save(tmp_path, AT)
    keys = list(tmp_path.rglob("*.key"))
    assert len(keys) == len(pki.holders)
    assert {one.stat().st_mode & 0o777 for one in keys} == {0o600}


def test_a_second_run_keeps_keys_and_renews_lists(pki: DemoPki, tmp_path: Path) -> None:
    """What was signed before stays verifiable; agencies that are new get theirs."""
    pki.save(tmp_path, AT)
    before = files(tmp_path)
    later = AT + timedelta(days=40)
    loaded = DemoPki.load(tmp_path)
    assert loaded == pki
    loaded.with_agencies({COMMUNE: "Tên khác", "H01.102": "Ủy ban nhân dân phường Long Xuyên"}, later).save(tmp_path, later)
    after = files(tmp_path)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"pki.json", *(name for name in before if name.startswith("crl/"))}
    assert {name.rsplit("/", 1)[0] for name in after.keys() - before.keys()} == {"agencies/H01.102"}
    assert DemoPki.load(tmp_path).agencies[COMMUNE] == AGENCIES[COMMUNE]


def test_a_withdrawn_certificate_stands_in_its_issuers_list(pki: DemoPki) -> None:
    """And in that one only."""
    number = pki.person(COMMUNE).certificate.serial_number
    withdrawn = pki.with_revoked(f"agencies/{COMMUNE}/head", AT)
    assert x509.load_der_x509_crl(withdrawn.crl("persons", AT)).get_revoked_certificate_by_serial_number(number) is not None
    assert x509.load_der_x509_crl(withdrawn.crl("agencies", AT)).get_revoked_certificate_by_serial_number(number) is None


def test_hundreds_of_agencies_take_a_moment(tmp_path: Path) -> None:
    """A province has some hundred of them, and a demo starts with them. (Usually a second or so.)"""
    begun = datetime.now(UTC)
    DemoPki.make({f"H01.{number}": f"Xã {number}" for number in range(300)}, AT).save(tmp_path, AT)
    assert datetime.now(UTC) - begun < timedelta(seconds=20)


def test_the_command_makes_reuses_and_replaces(tmp_path: Path) -> None:
    """--json names every file; --force gives new keys."""
    folder = tmp_path / "pki"
    made = json.loads(lgsp(folder, "--agency", f"{COMMUNE}={AGENCIES[COMMUNE]}", "--json").output)
    seal = Path(made["agencies"][COMMUNE]["seal"])
    first = seal.read_bytes()
    assert Path(made["anchors"]["time-stamps"]).is_file() and Path(made["examples"]["revoked"]).is_file()
    again = lgsp(folder, "--agency", "H01.102=Ủy ban nhân dân xã Bình Hòa")
    assert again.exit_code == 0 and "Tiếp theo · Next" in again.output
    assert seal.read_bytes() == first
    assert lgsp(folder, "--force", "--agency", f"{COMMUNE}={AGENCIES[COMMUNE]}").exit_code == 0
    assert seal.read_bytes() != first and not (folder / "agencies/H01.102").exists()


def test_the_command_withdraws(tmp_path: Path) -> None:
    """By the name of the file."""
    assert lgsp(tmp_path / "pki", "--revoke", "H01.101/head").exit_code == 0
    assert {one.issuer for one in DemoPki.load(tmp_path / "pki").revoked} == {"agencies", "persons"}
    refused = lgsp(tmp_path / "pki", "--revoke", "H01.999/seal")
    assert refused.exit_code == 1 and "→ " in refused.output


@pytest.mark.parametrize("arguments", [("--agency", "H01.101"), ("--agency", "../x=Tên"), ("--agency", "H01.101= ")])
def test_a_wrong_agency_makes_nothing(tmp_path: Path, arguments: tuple[str, str]) -> None:
    """Nothing half done, and no path out of the folder."""
    assert lgsp(tmp_path / "pki", *arguments).exit_code != 0
    assert not (tmp_path / "pki").exists()


def test_what_is_not_its_own_is_left_alone(tmp_path: Path) -> None:
    """A folder with other things is refused; with --force these stay."""
    (tmp_path / "letter.txt").write_text("x")
    assert lgsp(tmp_path).exit_code == 1
    assert [one.name for one in tmp_path.iterdir()] == ["letter.txt"]
    (tmp_path / "pki.json").write_text("{")
    damaged = lgsp(tmp_path)
    assert damaged.exit_code == 1 and "--force" in damaged.output


def test_certificates_name_one_place_for_good(tmp_path: Path) -> None:
    """--base-url stands in every certificate, so it cannot change afterwards."""
    assert lgsp(tmp_path / "pki", "--base-url", "http://127.0.0.1:9000/").exit_code == 0
    assert lgsp(tmp_path / "pki", "--base-url", "http://127.0.0.1:9001").exit_code == 1
    extension = (
        DemoPki.load(tmp_path / "pki").seal(COMMUNE).certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    )
    assert extension.value[0].full_name[0].value == "http://127.0.0.1:9000/crl/agencies.crl"  # type: ignore[index]
