"""PDFs for tests: written and signed by pyHanko."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from io import BytesIO
from typing import Any

from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.font.basic import SimpleFontEngineFactory
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter, append_signature_field
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, PdfTimeStamper, SimpleSigner
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from tests.signatures import AT, Holder, agency
from tests.stamps import response, stamp

name = generic.pdf_name


@cache
def document(text: str = "Quyet dinh so 12/QD-UBND", compressed: bool = False) -> bytes:
    """One page."""
    writer = PdfFileWriter(stream_xrefs=compressed)
    font = SimpleFontEngineFactory("Helvetica", 0.5).create_font_engine(writer)
    content = writer.add_object(generic.StreamObject(stream_data=f"BT /F1 18 Tf 50 700 Td ({text}) Tj ET".encode()))
    resources = generic.DictionaryObject({name("/Font"): generic.DictionaryObject({name("/F1"): font.as_resource()})})
    writer.insert_page(PageObject(contents=content, media_box=(0, 0, 595, 842), resources=resources))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def signer(holder: Holder) -> SimpleSigner:
    key = holder.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(holder.der),
        signing_key=asn1_keys.PrivateKeyInfo.load(key),
        cert_registry=SimpleCertificateStore(),
    )


def sign(
    octets: bytes,
    field: str = "Signature1",
    holder: Holder | None = None,
    box: Any = None,
    stamper: TimeStamper | None = None,
    **options: Any,
) -> bytes:
    """An incremental update with a signature; seen on the page where there is a `box`."""
    options.setdefault("subfilter", SigSeedSubFilter.PADES)
    writer = IncrementalPdfFileWriter(BytesIO(octets))
    spec = SigFieldSpec(field, box=box, on_page=0) if box else None
    metadata = PdfSignatureMetadata(field_name=field, md_algorithm="sha256", **options)
    by = _ByTheTestsClock(metadata, signer(holder or agency()), timestamper=stamper, new_field_spec=spec)
    return bytes(by.sign_pdf(writer, in_place=False).getvalue())


class _ByTheTestsClock(PdfSigner):
    def init_signing_session(self, *args: Any, **options: Any) -> Any:
        session = super().init_signing_session(*args, **options)
        session.system_time = AT - timedelta(minutes=1)
        return session


def prepared(octets: bytes, field: str, box: Any) -> bytes:
    """With an empty field for a signature that is to come."""
    return changed(octets, lambda writer: append_signature_field(writer, SigFieldSpec(field, box=box, on_page=0)))


def changed(octets: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """An incremental update without a signature."""
    writer = IncrementalPdfFileWriter(BytesIO(octets))
    change(writer)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


class Stamper(TimeStamper):
    """The tests' own time-stamp authority."""

    def __init__(self) -> None:
        super().__init__(include_nonce=True)

    async def async_request_tsa_response(self, req: Any) -> Any:
        known = req["message_imprint"]
        changes = {"message_imprint": known, "nonce": req["nonce"].native, "gen_time": AT}
        return tsp.TimeStampResp.load(response(stamp(b"", **changes)))


def stamped(octets: bytes) -> bytes:
    """With a time-stamp over the document."""
    out = PdfTimeStamper(Stamper()).timestamp_pdf(IncrementalPdfFileWriter(BytesIO(octets)), "sha256", in_place=False)
    return bytes(out.getvalue())
