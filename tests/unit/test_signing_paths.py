"""Who leads to an anchor, for which purpose, and what it costs to be refused."""

import ipaddress
import time
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import NameOID

from signing import paths, paths_full, ways
from signing.paths import Anchors
from signing.purposes import Purpose
from signing.report import Path, Signer, Trust
from tests import evidence
from tests.signatures import AT, Holder, agency, authority, intermediate, issue, rsa_key, stranger

_DAY = timedelta(days=1)


@cache
def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def below(issuer: Holder, name: str = "Văn thư", **options: Any) -> Holder:
    return issue(name, ec.generate_private_key(ec.SECP256R1()), issuer, **options)


def signer(one: Holder) -> Signer:
    return Signer(one.der, one.certificate, one.certificate.public_key())


def path(*chain: Holder, anchors: Anchors | None = None, purpose: Purpose = Purpose.DOCUMENTS, at: Any = AT) -> Path:
    leaf, *others = map(signer, chain)
    return (anchors or authority().anchors()).path(leaf, others, at, purpose)


def code(found: Path) -> str:
    return "" if found.refusal is None else found.refusal.rule.code


def directory(*names: str) -> x509.DirectoryName:
    country = x509.NameAttribute(NameOID.COUNTRY_NAME, "VN")
    return x509.DirectoryName(x509.Name([country, *[x509.NameAttribute(NameOID.COMMON_NAME, one) for one in names]]))


def weakly_signed(one: Holder, by: Holder) -> Holder:
    der = evidence.by_sha1(one.der, by, evidence.parts_of_certificate)
    return Holder(one.key, x509.load_der_x509_certificate(der))


class TestWays:
    """From who signs to an anchor."""

    def test_an_enclosed_authority_leads_on(self) -> None:
        leaf = below(intermediate())
        found = path(leaf, stranger(), intermediate())
        assert found.trust is Trust.TRUSTED
        assert found.chain == (leaf.certificate, intermediate().certificate, authority().certificate)

    def test_the_anchor_may_be_enclosed_and_the_order_does_not_matter(self) -> None:
        leaf = below(intermediate())
        assert path(leaf, authority(), intermediate(), leaf).trust is Trust.TRUSTED

    def test_nobody_leads_on_without_the_authority(self) -> None:
        assert code(path(below(intermediate()))) == "path.not_found"
        assert code(path(stranger())) == "path.not_found"

    def test_a_namesake_of_the_authority_does_not(self) -> None:
        namesake = issue("Tổ chức chứng thực thử nghiệm", p256(), ca=True)
        assert code(path(below(namesake), namesake)) == "path.not_found"

    def test_an_authority_between_may_be_the_anchor(self) -> None:
        found = path(below(intermediate()), authority(), anchors=intermediate().anchors())
        assert found.trust is Trust.TRUSTED
        assert len(found.chain) == 2

    def test_of_two_ways_the_one_that_holds_is_found(self) -> None:
        """The cross-certificate that expired stands in nobody's way."""
        stale = issue("Trung gian", p256(), authority(), ca=True, ends=AT - _DAY)
        fresh = issue("Trung gian", p256(), authority(), ca=True, number=7)
        assert path(below(fresh), stale, fresh).chain[1] == fresh.certificate

    def test_a_key_that_was_rolled_over_is_followed(self) -> None:
        old_key, new = rsa_key(), issue("Tổ chức đổi khóa", p256(), ca=True)
        carried = issue("Tổ chức đổi khóa", old_key, new, ca=True)
        found = path(below(carried), carried, anchors=new.anchors())
        assert (found.trust, len(found.chain)) == (Trust.TRUSTED, 3)

    def test_names_that_differ_in_case_and_space_only_are_the_same(self) -> None:
        shouted = Holder(p256(), issue("CA  of  Hanoi ", p256(), ca=True).certificate)
        anchors = issue("ca of hanoi", p256(), ca=True).anchors()
        assert path(below(shouted), anchors=anchors).trust is Trust.TRUSTED


class TestRules:
    """RFC 5280, section 6, by whichever engine knows it."""

    def test_every_certificate_has_to_be_in_force(self) -> None:
        assert code(path(below(authority(), ends=AT - _DAY))) == "path.validity"
        assert code(path(below(authority(), begins=AT + _DAY))) == "path.validity"
        late = issue("Trung gian", p256(), authority(), ca=True, ends=AT - _DAY)
        assert code(path(below(late), late)) == "path.validity"
        assert code(path(agency(), at=AT + 3000 * _DAY)) == "path.validity"
        short = issue("Gốc cũ", p256(), ca=True, ends=AT - _DAY)
        assert code(path(below(short), anchors=short.anchors())) == "path.validity"

    def test_who_is_no_authority_vouches_for_nobody(self) -> None:
        assert code(path(below(agency()), agency())) == "path.not_found"
        odd = issue("Trung gian", p256(), authority(), ca=False, critical_extensions=[])
        assert code(path(below(odd), odd)) == "path.not_found"

    def test_the_length_that_an_authority_allows_is_kept(self) -> None:
        first = issue("Trung gian 1", p256(), authority(), ca=True, path_length=0)
        assert path(below(first), first).trust is Trust.TRUSTED
        second = issue("Trung gian 2", p256(), first, ca=True)
        assert code(path(below(second), first, second)) == "path.not_found"

    def test_what_the_anchor_states_for_itself_is_kept_by_both_engines(self) -> None:
        root = issue("Gốc", p256(), ca=True, path_length=0)
        second = issue("Trung gian", p256(), root, ca=True)
        assert path(below(root), anchors=root.anchors()).trust is Trust.TRUSTED
        assert code(path(below(second), second, anchors=root.anchors())) == "path.not_found"
        named = x509.NameConstraints([directory("Hải Phòng")], None)
        root = issue("Gốc", p256(), ca=True, path_length=0, critical_extensions=[named])
        assert code(path(below(root), anchors=root.anchors())) == "path.not_found"

    @pytest.mark.parametrize("critical", [True, False])
    @pytest.mark.parametrize(
        ("permitted", "excluded", "trusted"),
        [
            ([directory("Văn thư")], None, True),
            ([directory("VĂN  thư")], None, True),
            ([directory("Hải Phòng")], None, False),
            (None, [directory("Văn thư")], False),
            (None, [directory("Hải Phòng")], True),
            ([directory()], [directory("Văn thư")], False),
            ([x509.UniformResourceIdentifier(".gov.vn")], None, True),
            ([x509.DNSName("gov.vn")], None, True),
        ],
    )
    def test_names_are_confined_as_the_authority_says(self, critical: bool, permitted: Any, excluded: Any, trusted: bool) -> None:
        """Of names of the kind that it speaks of; and also where it forgot to mark this critical."""
        named = x509.NameConstraints(permitted, excluded)
        office = issue(
            "Trung gian", p256(), authority(), ca=True, **{"critical_extensions" if critical else "extensions": [named]}
        )
        assert (path(below(office), office).trust is Trust.TRUSTED) is trusted

    def test_names_of_a_kind_that_no_engine_confines_are_refused(self) -> None:
        inside = x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))
        office = issue("Trung gian", p256(), authority(), ca=True, critical_extensions=[x509.NameConstraints([inside], None)])
        leaf = below(office, extensions=[x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("10.1.1.1"))])])
        assert code(path(leaf, office)) == "path.not_found"

    @pytest.mark.parametrize("critical", [True, False])
    def test_an_authority_may_insist_on_stated_policies(self, critical: bool) -> None:
        """The first engine overlooks this where it is not marked critical."""
        needed = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)
        policy = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), None)])
        marked = {"critical_extensions" if critical else "extensions": [needed]}
        marked["extensions"] = [*marked.get("extensions", []), policy]
        office = issue("Trung gian", p256(), authority(), ca=True, **marked)
        assert code(path(below(office), office)) == "path.not_found"
        assert path(below(office, extensions=[policy]), office).trust is Trust.TRUSTED

    def test_an_unknown_critical_extension_is_refused_wherever_it_stands(self) -> None:
        odd = [x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0")]
        assert code(path(below(authority(), critical_extensions=odd))) == "path.not_found"
        office = issue("Trung gian", p256(), authority(), ca=True, critical_extensions=odd)
        assert code(path(below(office), office)) == "path.not_found"
        assert path(below(authority(), extensions=odd)).trust is Trust.TRUSTED


class TestStrength:
    """Of signatures and keys in the path."""

    def test_sha1_is_refused_everywhere_below_the_anchor(self) -> None:
        assert code(path(weakly_signed(agency(), authority()))) == "path.algorithm"
        weak = weakly_signed(intermediate(), authority())
        assert code(path(below(intermediate()), weak)) == "path.algorithm"

    def test_a_signature_by_an_algorithm_that_nobody_knows_leads_nowhere(self) -> None:
        """Refused by the rule, and remembered as refused."""
        known, unknown = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d01016b")  # 1.2.840.113549.1.1.11
        odd = Holder(agency().key, x509.load_der_x509_certificate(agency().der.replace(known, unknown)))
        assert code(path(odd)) == "path.algorithm"

    def test_how_the_anchor_signed_itself_does_not_matter(self) -> None:
        """Its signature is not relied on: it is trusted because the operator says so."""
        anchors = weakly_signed(authority(), authority()).anchors()
        assert path(agency(), anchors=anchors).trust is Trust.TRUSTED

    def test_short_keys_are_refused_everywhere(self) -> None:
        short = issue("Trung gian", rsa_key(1024), authority(), ca=True)
        assert code(path(below(short), short)) == "path.algorithm"
        assert code(path(issue("Văn thư", rsa_key(1024), authority()))) == "key.strength"
        root = issue("Gốc yếu", rsa_key(1024), ca=True)
        assert code(path(below(root), anchors=root.anchors())) == "path.algorithm"


class TestPurposes:
    """Certificates do what they were issued for."""

    @pytest.mark.parametrize(
        ("purpose", "stated", "critical", "expected"),
        [
            (Purpose.DOCUMENTS, [], False, ""),
            (Purpose.DOCUMENTS, [Eku.EMAIL_PROTECTION, Eku.CLIENT_AUTH], False, ""),
            (Purpose.DOCUMENTS, [Eku.SERVER_AUTH, Eku.TIME_STAMPING], False, "path.usage"),
            (Purpose.DOCUMENTS, [Eku.OCSP_SIGNING], False, "path.usage"),
            (Purpose.TIME_STAMPS, [Eku.TIME_STAMPING], True, ""),
            (Purpose.TIME_STAMPS, [Eku.TIME_STAMPING], False, "timestamp.usage"),
            (Purpose.TIME_STAMPS, [Eku.TIME_STAMPING, Eku.EMAIL_PROTECTION], True, "timestamp.usage"),
            (Purpose.TIME_STAMPS, [Eku.ANY_EXTENDED_KEY_USAGE], True, "timestamp.usage"),
            (Purpose.TIME_STAMPS, [], False, "timestamp.usage"),
            (Purpose.RESPONDERS, [Eku.OCSP_SIGNING], False, ""),
            (Purpose.RESPONDERS, [Eku.TIME_STAMPING], False, "ocsp.responder"),
            (Purpose.RESPONDERS, [], False, "ocsp.responder"),
        ],
    )
    def test_the_purpose_is_that_of_the_certificate(self, purpose: Purpose, stated: Any, critical: bool, expected: str) -> None:
        leaf = below(authority(), purposes=stated, critical_purposes=critical)
        assert code(path(leaf, purpose=purpose)) == expected

    @pytest.mark.parametrize("purpose", list(Purpose))
    def test_a_key_that_is_not_for_signing_signs_nothing(self, purpose: Purpose) -> None:
        found = path(below(authority(), signs=False, purposes=[Eku.TIME_STAMPING], critical_purposes=True), purpose=purpose)
        assert found.trust is Trust.NOT_TRUSTED

    @pytest.mark.parametrize(
        ("stated", "expected"),
        [([Eku.SERVER_AUTH], "path.usage"), ([Eku.EMAIL_PROTECTION], ""), ([Eku.ANY_EXTENDED_KEY_USAGE, Eku.SERVER_AUTH], "")],
    )
    def test_an_authority_for_servers_vouches_for_no_documents(self, stated: Any, expected: str) -> None:
        office = issue("Trung gian", p256(), authority(), ca=True, purposes=stated)
        assert code(path(below(office), office)) == expected

    def test_what_holds_for_one_purpose_is_not_remembered_for_another(self) -> None:
        anchors, leaf = authority().anchors(), below(authority())
        assert path(leaf, anchors=anchors).trust is Trust.TRUSTED
        assert code(path(leaf, anchors=anchors, purpose=Purpose.TIME_STAMPS)) == "timestamp.usage"


class TestCost:
    """Strangers' certificates must not keep us busy."""

    def test_many_of_one_name_and_key_end_the_search_soon(self) -> None:
        """Each of them signs all others, so every order of them is a way; none ends at an anchor."""
        circle = [issue("Vòng tròn", p256(), ca=True, number=number) for number in range(1, 17)]
        began = time.process_time()
        assert code(path(below(circle[0]), *circle)) == "path.not_found"
        assert time.process_time() - began < 0.05

    def test_large_certificates_and_dear_keys_do_not_make_it_longer(self) -> None:
        """As large as certificates may be, and P-384, the dearest signature that is accepted."""
        key = ec.generate_private_key(ec.SECP384R1())
        length = 14_000
        names = [x509.SubjectAlternativeName([x509.DNSName("a" * length)])]
        circle = [issue("Vòng tròn", key, ca=True, number=number, extensions=names) for number in range(1, 17)]
        began = time.process_time()
        assert code(path(below(circle[0]), *circle)) == "path.not_found"
        assert time.process_time() - began < 0.1

    def test_a_certificate_that_is_unreasonably_large_is_not_looked_at(self) -> None:
        huge = issue("Lớn", p256(), extensions=[x509.SubjectAlternativeName([x509.DNSName("a" * 20_000)])])
        assert code(path(huge)) == code(path(agency(), huge)) == "path.too_large"

    def test_what_strangers_blew_up_is_not_kept(self) -> None:
        """It is answered, and found again the next time."""
        anchors = authority().anchors()
        large = [x509.SubjectAlternativeName([x509.DNSName("a" * 9_000)])]
        junk = [issue("Lớn", p256(), extensions=large, number=number) for number in (1, 2)]
        assert path(agency(), *junk, anchors=anchors).trust is Trust.TRUSTED
        assert code(path(stranger(), *junk, anchors=anchors)) == "path.not_found"
        assert max(sum(map(len, key)) for key in (*anchors._known, *anchors._refused)) < 16 * 1024

    def test_more_certificates_than_any_way_needs_are_not_looked_at(self) -> None:
        assert code(path(agency(), *[stranger()] * (ways.MAX_OTHERS + 1))) == "path.too_many"

    def test_no_engine_sees_what_leads_to_no_anchor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(paths, "_judged", lambda *_: pytest.fail("an engine was asked"))
        forged = issue("Tổ chức chứng thực thử nghiệm", p256(), ca=True)
        assert code(path(below(forged), forged, authority())) == "path.not_found"

    def test_a_judgement_is_remembered_whatever_else_comes_along(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also a refusal, for a minute."""
        asked: list[int] = []
        check = paths_full.check
        monkeypatch.setattr(paths_full, "check", lambda *given: (asked.append(1), check(*given)))
        named = x509.NameConstraints([directory("Hải Phòng")], None)
        office = issue("Trung gian", p256(), authority(), ca=True, critical_extensions=[named])
        anchors, leaf = authority().anchors(), below(office)
        for number in range(1, 6):
            junk = issue("Không liên quan", p256(), number=number)
            assert code(path(leaf, office, junk, anchors=anchors)) == "path.not_found"
        assert len(asked) == 1
        path(leaf, office, anchors=anchors, at=AT + timedelta(seconds=61))
        assert len(asked) == 2

    def test_refusals_crowd_out_no_paths_and_do_not_pile_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(paths, "_REFUSALS_REMEMBERED", 3)
        anchors = authority().anchors()
        assert path(agency(), anchors=anchors).trust is Trust.TRUSTED
        for number in range(1, 10):
            path(issue("Người lạ", p256(), number=number), anchors=anchors)
        assert len(anchors._refused) <= 3
        monkeypatch.setattr(paths.ways, "Search", lambda *_: pytest.fail("a known path was looked for"))
        assert path(agency(), anchors=anchors).trust is Trust.TRUSTED

    def test_an_engine_that_waits_for_something_says_no(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It runs without an event loop, since nothing is fetched."""

        class Waits:
            def __await__(self) -> Any:
                yield

        async def waits(*_: Any) -> None:
            await Waits()

        monkeypatch.setattr(paths_full, "async_validate_path", waits)
        monkeypatch.setattr(paths, "_holds_plainly", lambda *_: False)
        assert code(path(agency())) == "path.not_found"
