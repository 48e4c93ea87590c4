"""Signers for tests: a little PKI, XML signatures made by xmlsec and by signxml, and what these two say of a document.

Two independent implementations; the verifier under test signs nothing. The keys of the authority and the agency stand in
tests/vectors, so that documents signed by them, and mutants of these, are the same in every run.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import signxml
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID, ObjectIdentifier
from lxml import etree

from signing.paths import Anchors
from signing.profiles import DSIG, EXCLUSIVE_C14N, INCLUSIVE_C14N, SIGNED_PROPERTIES, XADES

AT = datetime(2026, 11, 18, 8, tzinfo=UTC)
SIGNED_AT = "2026-11-18T07:59:00Z"
KEYS = Path(__file__).parent / "vectors/test-keys.pem"
SCHEMAS = Path(__file__).parents[1] / "contracts/schemas"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a key, and its certificate."""

    key: Key
    certificate: x509.Certificate

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def anchors(self) -> Anchors:
        return Anchors.of_pem(self.pem)


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def issue(
    name: str,
    key: Key,
    issuer: Holder | None = None,
    *,
    ca: bool = False,
    begins: datetime = AT - timedelta(days=30),
    ends: datetime = AT + timedelta(days=365),
    signs: bool = True,
    purposes: Sequence[ObjectIdentifier] = (),
    number: int | None = None,
    critical_purposes: bool = False,
    extensions: Sequence[x509.ExtensionType] = (),
    critical_extensions: Sequence[x509.ExtensionType] = (),
    path_length: int | None = None,
) -> Holder:
    """A certificate; self-signed without an issuer."""
    subject = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by_key = key if issuer is None else issuer.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(number or _serial_number(name, key))
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()), critical=False)
        .add_extension(_usage(ca=ca, signs=signs), critical=True)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=critical_purposes)
    for one in extensions:
        builder = builder.add_extension(one, critical=False)
    for one in critical_extensions:
        builder = builder.add_extension(one, critical=True)
    return Holder(key, builder.sign(by_key, hashes.SHA256()))


def _serial_number(name: str, key: Key) -> int:
    """The same in every run for the same key."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return int.from_bytes(hashlib.sha256(name.encode() + public).digest()[:16]) | 1


def _usage(*, ca: bool, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs and not ca,
        content_commitment=signs and not ca,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


@cache
def _kept_key(number: int) -> rsa.RSAPrivateKey:
    """Keys of nobody: they protect nothing."""
    end = b"-----END PRIVATE KEY-----\n"
    key = load_pem_private_key(KEYS.read_bytes().split(end)[number] + end, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@cache
def authority() -> Holder:
    return issue("Tổ chức chứng thực thử nghiệm", _kept_key(0), ca=True)


@cache
def intermediate() -> Holder:
    return issue("Tổ chức chứng thực trung gian thử nghiệm", rsa_key(), authority(), ca=True)


@cache
def agency() -> Holder:
    return issue("Sở Nông nghiệp và Môi trường", _kept_key(1), authority())


@cache
def stranger() -> Holder:
    return issue("Sở Nông nghiệp và Môi trường", rsa_key())


@cache
def holder(kind: str) -> Holder:
    """`kind`: "P-256", "P-384", "Ed25519" or the bits of an RSA key."""
    curves = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1}
    key: Key
    if kind == "Ed25519":
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        key = ec.generate_private_key(curves[kind]()) if kind in curves else rsa_key(int(kind))
    return issue(f"Ủy ban nhân dân {kind}", key, authority())


def case_file() -> bytes:
    return (SCHEMAS / "case.file/1/example-land.xml").read_bytes()


def packet() -> bytes:
    return (SCHEMAS / "document.packet/1/example-official-letter.xml").read_bytes()


def _algorithm(parent: etree._Element, tag: str, uri: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{DSIG}}}{tag}", Algorithm=uri)


def _reference(parent: etree._Element, uri: str, transforms: Sequence[str], digest: str, type_: str | None = None) -> None:
    reference = etree.SubElement(parent, f"{{{DSIG}}}Reference", URI=uri)
    if type_ is not None:
        reference.set("Type", type_)
    holder = etree.SubElement(reference, f"{{{DSIG}}}Transforms")
    for one in transforms:
        _algorithm(holder, "Transform", one)
    _algorithm(reference, "DigestMethod", digest)
    etree.SubElement(reference, f"{{{DSIG}}}DigestValue")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How xmlsec shall sign. `header`: put it into the edXML header; `block`: into that of SOAP."""

    method: str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    digest: str = "http://www.w3.org/2001/04/xmlenc#sha256"
    canonicalization: str = EXCLUSIVE_C14N
    transforms: tuple[str, ...] = (f"{DSIG}enveloped-signature", EXCLUSIVE_C14N)
    xades: bool = False
    uri: str = ""
    header: bool = False
    block: bool = False
    prefix: str | None = "ds"
    property_type: str | None = SIGNED_PROPERTIES
    property_transforms: tuple[str, ...] = (EXCLUSIVE_C14N,)
    signing_time: str = SIGNED_AT
    committed_to: bytes | None = None  # DER of another certificate than the signer's


PLAIN, WITH_XADES = Recipe(), Recipe(xades=True)
EDOC_RECIPE = Recipe(block=True, canonicalization=INCLUSIVE_C14N, transforms=(f"{DSIG}enveloped-signature",))
EDXML_RECIPE = Recipe(header=True, canonicalization=INCLUSIVE_C14N, transforms=(f"{DSIG}enveloped-signature",))


def by_xmlsec(octets: bytes, signer: Holder, recipe: Recipe = PLAIN, others: Sequence[Holder] = ()) -> bytes:
    """The document with its signature."""
    root = etree.fromstring(octets)
    if recipe.uri:
        root.set("Id", recipe.uri[1:])
    parent = root[0][0] if recipe.header else root[0] if recipe.block else root
    signature = template(recipe, signer, others)
    parent.append(signature)
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(signer.key_pem, xmlsec.KeyFormat.PEM)
    context.sign(signature)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def template(recipe: Recipe, signer: Holder, others: Sequence[Holder] = ()) -> etree._Element:
    """A Signature whose digests and value are empty."""
    signature = etree.Element(f"{{{DSIG}}}Signature", nsmap={recipe.prefix: DSIG})
    info = etree.SubElement(signature, f"{{{DSIG}}}SignedInfo")
    _algorithm(info, "CanonicalizationMethod", recipe.canonicalization)
    _algorithm(info, "SignatureMethod", recipe.method)
    _reference(info, recipe.uri, recipe.transforms, recipe.digest)
    etree.SubElement(signature, f"{{{DSIG}}}SignatureValue")
    data = etree.SubElement(etree.SubElement(signature, f"{{{DSIG}}}KeyInfo"), f"{{{DSIG}}}X509Data")
    for one in (signer, *others):
        etree.SubElement(data, f"{{{DSIG}}}X509Certificate").text = base64.b64encode(one.der).decode()
    if recipe.xades:
        signature.set("Id", "sig-1")
        _reference(info, "#sp-1", recipe.property_transforms, recipe.digest, recipe.property_type)
        signature.append(_properties(recipe, recipe.committed_to or signer.der))
    return signature


def _properties(recipe: Recipe, der: bytes) -> etree._Element:
    digest = base64.b64encode(hashlib.sha256(der).digest()).decode()
    return etree.fromstring(
        f'<ds:Object xmlns:ds="{DSIG}"><xades:QualifyingProperties xmlns:xades="{XADES}" Target="#sig-1">'
        '<xades:SignedProperties Id="sp-1"><xades:SignedSignatureProperties>'
        f"<xades:SigningTime>{recipe.signing_time}</xades:SigningTime><xades:SigningCertificateV2><xades:Cert><xades:CertDigest>"
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></xades:CertDigest></xades:Cert></xades:SigningCertificateV2>"
        "</xades:SignedSignatureProperties></xades:SignedProperties></xades:QualifyingProperties></ds:Object>"
    )


def by_signxml(octets: bytes, signer: Holder, method: str = "rsa-sha256", inclusive: bool = False) -> bytes:
    """Enveloped, the signature as the last child of the root."""
    algorithm = signxml.CanonicalizationMethod(INCLUSIVE_C14N if inclusive else EXCLUSIVE_C14N)
    made = signxml.XMLSigner(signature_algorithm=method, c14n_algorithm=algorithm)
    signed = made.sign(etree.fromstring(octets), key=signer.key, cert=[signer.certificate])
    return etree.tostring(signed, xml_declaration=True, encoding="UTF-8")


def xmlsec_says(octets: bytes, signer: Holder) -> bool:
    """Whether xmlsec finds the signature valid for this certificate; the first Signature it meets."""
    try:
        root = etree.fromstring(octets)
        xmlsec.tree.add_ids(root, ["Id", "ID", "id"])
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(signer.pem, xmlsec.KeyFormat.CERT_PEM)
        context.verify(xmlsec.tree.find_node(root, "Signature", DSIG))
    except (xmlsec.Error, etree.LxmlError, TypeError):
        return False
    return True


def signxml_says(octets: bytes, signer: Holder, references: int = 1) -> bool:
    """Whether signxml finds the signature valid for this certificate, wherever it stands."""
    config = signxml.SignatureConfiguration(expect_references=references)
    try:
        signxml.XMLVerifier().verify(octets, x509_cert=signer.certificate, expect_config=config, validate_schema=False)
    except Exception:  # noqa: BLE001 - whatever it says, it is not "valid"
        return False
    return True
