"""The whole of it as one value, and as a folder of files."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from lgsp.trust.demo_pki import authority, names
from lgsp.trust.demo_pki.authority import Holder, Life, Places, Withdrawn

DEFAULT_BASE_URL = "http://127.0.0.1:8089"
ROOT, AGENCIES, PERSONS, STAMP_ROOT = "root", "agencies", "persons", "time-stamp-root"
PERSON_ROLES = ("head", "deputy")
_YEAR = timedelta(days=365)
_LIST_LIFE = timedelta(days=30)
INDEX = "pki.json"
_FOLDERS = ("anchors", "authorities", "services", "crl", "agencies", "examples")
_EXAMPLE = "Cơ quan ví dụ"

_ISSUERS = {
    ROOT: "Gốc chứng thực thử nghiệm",
    AGENCIES: "Chứng thực thử nghiệm cho cơ quan",
    PERSONS: "Chứng thực thử nghiệm cho cán bộ",
    STAMP_ROOT: "Gốc thử nghiệm cho dấu thời gian",
}


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """`issuer`: "agencies" or "persons"; `serial_number` hexadecimal, as JSON has no integers of that size."""

    issuer: str
    serial_number: str
    at: datetime
    reason: str = x509.ReasonFlags.key_compromise.value


class _Index(msgspec.Struct, frozen=True, kw_only=True):
    """pki.json: what the folder holds. Written last, so that an interrupted run is seen as such."""

    note: str
    base_url: str
    agencies: dict[str, str]
    revoked: tuple[Revoked, ...]


@dataclass(frozen=True, slots=True)
class DemoPki:
    """`agencies`: names by code. `holders`: everybody who has a key, by the name of the files without their ending, such as
    "agencies/H01.101/seal". Two roots: who vouches for time-stamps vouches for nothing else."""

    base_url: str
    agencies: Mapping[str, str]
    revoked: tuple[Revoked, ...]
    holders: Mapping[str, Holder] = field(repr=False)

    @classmethod
    def make(cls, agencies: Mapping[str, str], at: datetime, base_url: str = DEFAULT_BASE_URL) -> "DemoPki":
        """Three certificates an agency, in under a millisecond. In force since a year before `at`, for four years."""
        holders = dict(_founders(at, base_url))
        revoked = _revoked(AGENCIES, holders["examples/revoked"], at - timedelta(days=7))
        return cls(base_url, MappingProxyType({}), (revoked,), MappingProxyType(holders)).with_agencies(agencies, at)

    def with_agencies(self, agencies: Mapping[str, str], at: datetime) -> "DemoPki":
        """Those that are here already keep their keys and names."""
        holders = dict(self.holders)
        for code, name in agencies.items():
            if code not in self.agencies:
                holders |= _members(code, name, holders, at, self.base_url)
        return replace(self, agencies=MappingProxyType({**agencies, **self.agencies}), holders=MappingProxyType(holders))

    def with_revoked(self, name: str, at: datetime) -> "DemoPki":
        """`name`: as in `holders`, below "agencies/". Raises KeyError."""
        issuer = AGENCIES if name.endswith("/seal") else PERSONS
        return replace(self, revoked=(*self.revoked, _revoked(issuer, self.holders[name], at)))

    def seal(self, code: str) -> Holder:
        """The agency's own: what it signs as an organisation. Raises KeyError."""
        return self.holders[f"agencies/{code}/seal"]

    def person(self, code: str, role: str = "head") -> Holder:
        """`role`: "head" or "deputy". Raises KeyError."""
        return self.holders[f"agencies/{code}/{role}"]

    @property
    def document_anchor(self) -> x509.Certificate:
        return self.holders[f"authorities/{ROOT}"].certificate

    @property
    def time_stamp_anchor(self) -> x509.Certificate:
        return self.holders[f"authorities/{STAMP_ROOT}"].certificate

    def withdrawn(self, issuer: str) -> list[Withdrawn]:
        return [
            Withdrawn(int(one.serial_number, 16), one.at, x509.ReasonFlags(one.reason))
            for one in self.revoked
            if one.issuer == issuer
        ]

    def crl(self, issuer: str, at: datetime, life: timedelta = _LIST_LIFE) -> bytes:
        """DER. `issuer`: "root", "agencies", "persons" or "time-stamp-root"."""
        made = authority.revocation_list(self.holders[f"authorities/{issuer}"], self.withdrawn(issuer), at, life)
        return made.public_bytes(Encoding.DER)

    def save(self, folder: Path, at: datetime) -> None:
        """Keys are readable by their owner only. Lists are made anew, in force for 30 days from `at`. Raises OSError."""
        for name, holder in self.holders.items():
            _write(folder / f"{name}.key", holder.key_pem, 0o600)
            _write(folder / f"{name}.pem", holder.pem)
        _write(folder / "anchors/documents.pem", self.document_anchor.public_bytes(Encoding.PEM))
        _write(folder / "anchors/time-stamps.pem", self.time_stamp_anchor.public_bytes(Encoding.PEM))
        for issuer in _ISSUERS:
            _write(folder / f"crl/{issuer}.crl", self.crl(issuer, at))
        index = _Index(note=names.MARK, base_url=self.base_url, agencies=dict(self.agencies), revoked=self.revoked)
        _write(folder / INDEX, msgspec.json.format(msgspec.json.encode(index), indent=2))

    @classmethod
    def load(cls, folder: Path) -> "DemoPki":
        """Raises FileNotFoundError where there is none, OSError, ValueError (msgspec.ValidationError too) where it is damaged."""
        index = msgspec.json.decode((folder / INDEX).read_bytes(), type=_Index)
        found = {name: _read(folder, name) for name in _names(index.agencies)}
        return cls(index.base_url, MappingProxyType(index.agencies), index.revoked, MappingProxyType(found))


def open_folder(folder: Path, agencies: Mapping[str, str], at: datetime, base_url: str = DEFAULT_BASE_URL) -> DemoPki:
    """The PKI kept there, with these agencies too; made when there is none. Raises OSError, ValueError."""
    try:
        pki = DemoPki.load(folder).with_agencies(agencies, at)
    except FileNotFoundError:
        pki = DemoPki.make(agencies, at, base_url)
    pki.save(folder, at)
    return pki


def remove(folder: Path) -> None:
    """Everything `save` wrote, and nothing else."""
    (folder / INDEX).unlink(missing_ok=True)
    for name in _FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)


def _founders(at: datetime, base_url: str) -> Iterator[tuple[str, Holder]]:
    """Authorities, services, and one holder for each way in which a certificate can be no good."""
    life = Life(at - 6 * _YEAR, at + 10 * _YEAR)
    root, stamp_root = (authority.root(names.authority(_ISSUERS[one]), life) for one in (ROOT, STAMP_ROOT))
    yield f"authorities/{ROOT}", root
    yield f"authorities/{STAMP_ROOT}", stamp_root
    stamps = names.authority("Dịch vụ cấp dấu thời gian thử nghiệm")
    places = _places(STAMP_ROOT, base_url)
    yield "services/time-stamps", authority.service(stamps, ExtendedKeyUsageOID.TIME_STAMPING, stamp_root, life, places)
    issuers = {}
    for one in (AGENCIES, PERSONS):
        issuer = authority.subordinate(names.authority(_ISSUERS[one]), root, life, _places(ROOT, base_url))
        issuers[one] = Holder(issuer.key, issuer.certificate)
        yield f"authorities/{one}", issuers[one]
        answers = names.authority(f"Dịch vụ OCSP thử nghiệm ({one})")
        yield f"services/ocsp-{one}", authority.service(answers, ExtendedKeyUsageOID.OCSP_SIGNING, issuers[one], life)
    for state, ends in (("revoked", at + 3 * _YEAR), ("expired", at - _YEAR)):
        subject, lasts = names.organisation(f"DEMO.{state.upper()}", f"{_EXAMPLE} ({state})"), Life(at - 2 * _YEAR, ends)
        mail = names.address("demo", state)
        yield f"examples/{state}", authority.signer(subject, mail, issuers[AGENCIES], lasts, _places(AGENCIES, base_url))


def _members(code: str, name: str, holders: Mapping[str, Holder], at: datetime, base_url: str) -> Iterator[tuple[str, Holder]]:
    life = Life(at - _YEAR, at + 3 * _YEAR)
    issuer, places = holders[f"authorities/{AGENCIES}"], _places(AGENCIES, base_url)
    subject, mail = names.organisation(code, name), names.address(code, "vanthu")
    yield f"agencies/{code}/seal", authority.signer(subject, mail, issuer, life, places)
    issuer, places = holders[f"authorities/{PERSONS}"], _places(PERSONS, base_url)
    for role in PERSON_ROLES:
        subject, mail = names.person(code, name, role), names.address(code, role)
        yield f"agencies/{code}/{role}", authority.signer(subject, mail, issuer, life, places)


def _places(issuer: str, base_url: str) -> Places:
    """Roots answer by list only."""
    ocsp = f"{base_url}/ocsp/{issuer}" if issuer in (AGENCIES, PERSONS) else ""
    return Places(f"{base_url}/crl/{issuer}.crl", ocsp, f"{base_url}/authorities/{issuer}.cer")


def _revoked(issuer: str, holder: Holder, at: datetime) -> Revoked:
    return Revoked(issuer=issuer, serial_number=f"{holder.certificate.serial_number:x}", at=at.replace(microsecond=0))


def _names(agencies: Mapping[str, str]) -> Iterator[str]:
    for one in _ISSUERS:
        yield f"authorities/{one}"
    yield from (
        "services/time-stamps",
        f"services/ocsp-{AGENCIES}",
        f"services/ocsp-{PERSONS}",
        "examples/revoked",
        "examples/expired",
    )
    for code in agencies:
        for role in ("seal", *PERSON_ROLES):
            yield f"agencies/{code}/{role}"


def _read(folder: Path, name: str) -> Holder:
    return Holder.of_pem((folder / f"{name}.pem").read_bytes(), (folder / f"{name}.key").read_bytes())


def _write(path: Path, octets: bytes, mode: int = 0o644) -> None:
    """Whole or not at all; what is there already in these octets is left alone."""
    if path.is_file() and path.read_bytes() == octets:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(octets)
    draft.replace(path)
