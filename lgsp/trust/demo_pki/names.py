"""Subjects in the shapes that certificates of Vietnamese authorities have.

An organisation's seal: CN the agency, UID "MST:" (tax code) and "MNS:" (code of units that use the state budget), its e-mail
address as alternative name. A person's: CN the name, T the office, O the agency, UID "CCCD:" (personal number). All of it is
invented: tax codes begin with 00 and personal numbers with 000, which nobody is given.

Not a habit there yet, but a standard made for it: organizationIdentifier (ETSI EN 319 412-1, clause 5.1.4) as "GOVVN-" and the
agency's code by Decision 20/2020/QĐ-TTg.
"""

import zlib

from cryptography import x509
from cryptography.x509.oid import NameOID

MARK = "DEMO - KHÔNG CÓ GIÁ TRỊ PHÁP LÝ"
_MAX = 64  # RFC 5280, appendix A.1: ub-common-name, ub-organization-name and their like
_RULES_A_TERRITORY = ("Ủy ban nhân dân", "UBND", "Xã", "Phường", "Đặc khu", "Thị trấn", "Huyện", "Tỉnh", "Thành phố")
_FAMILY = ("Nguyễn", "Trần", "Lê", "Huỳnh", "Phạm", "Phan", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Danh", "Chau")
_MIDDLE = ("Văn", "Thị", "Minh", "Thanh", "Hữu", "Ngọc", "Quốc", "Kim")
_GIVEN = ("An", "Bình", "Cường", "Dung", "Hạnh", "Hải", "Khánh", "Lan", "Nam", "Phúc", "Sơn", "Thảo", "Trang", "Yến")


def authority(name: str) -> x509.Name:
    return _name((NameOID.COUNTRY_NAME, "VN"), (NameOID.ORGANIZATION_NAME, MARK), (NameOID.COMMON_NAME, name))


def organisation(code: str, agency: str) -> x509.Name:
    number = _number(code)
    return _name(
        (NameOID.COUNTRY_NAME, "VN"),
        (NameOID.ORGANIZATION_NAME, agency),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, MARK),
        (NameOID.ORGANIZATION_IDENTIFIER, f"GOVVN-{code}"),
        (NameOID.COMMON_NAME, agency),
        (NameOID.USER_ID, f"MNS:0{number % 10**6:06}"),
        (NameOID.USER_ID, f"MST:00{number % 10**8:08}"),
    )


def person(code: str, agency: str, role: str) -> x509.Name:
    """`role`: "head" or "deputy"."""
    number = _number(f"{code}/{role}")
    family, middle, given = (names[number // step % len(names)] for step, names in ((1, _FAMILY), (97, _MIDDLE), (9_973, _GIVEN)))
    return _name(
        (NameOID.COUNTRY_NAME, "VN"),
        (NameOID.ORGANIZATION_NAME, agency),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, MARK),
        (NameOID.ORGANIZATION_IDENTIFIER, f"GOVVN-{code}"),
        (NameOID.TITLE, title(agency, role)),
        (NameOID.COMMON_NAME, f"{family} {middle} {given}"),
        (NameOID.USER_ID, f"CCCD:000{number % 10**9:09}"),
    )


def title(agency: str, role: str) -> str:
    head = "Chủ tịch" if agency.startswith(_RULES_A_TERRITORY) else "Giám đốc"
    return head if role == "head" else f"Phó {head}"


def address(code: str, role: str) -> str:
    """An e-mail address that reaches nobody (RFC 2606)."""
    return f"{role}@{code.lower()}.example"


def _name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, _cut(text)) for kind, text in parts])


def _cut(text: str) -> str:
    """X.520 counts characters, some implementations octets, of which Vietnamese has more: what fits by both is read by all."""
    return text.encode()[:_MAX].decode(errors="ignore")


def _number(text: str) -> int:
    """The same in every run."""
    return zlib.crc32(text.encode())
