"""What became of a PDF after each of its signatures, by pyHanko: which fields hold a signature, and what was added behind it.

A large program reads what strangers wrote here, so it runs in a process of its own (lgsp/trust/isolated.py) and decides nothing
about keys, certificates or digests: it says where signatures are and what changed, and who asked verifies the rest.
"""

import binascii
import hashlib
import re
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, FormUpdatingRule, ModificationLevel, StandardDiffPolicy
from pyhanko.sign.diff_analysis.rules.file_structure_rules import CatalogModificationRule, ObjectStreamRule, XrefStreamRule
from pyhanko.sign.diff_analysis.rules.form_field_rules import DSSCompareRule, SigFieldCreationRule, SigFieldModificationRule
from pyhanko.sign.diff_analysis.rules.metadata_rules import DocInfoRule, MetadataUpdateRule
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature, extract_contents

from signing.pdf_findings import FORMATS, After, Finding
from signing.rules import Refused

_WALKED = 50_000  # objects looked at for scripts
_ACTIONS = frozenset({"/JavaScript", "/Launch", "/ImportData", "/SubmitForm", "/Rendition", "/RichMediaExecute", "/GoToE"})
# What pages are painted with holds no actions, and is most of a document.
_PAINT = frozenset({"/Resources", "/Contents", "/Parent", "/P", "/StructTreeRoot", "/Metadata", "/DSS", "/AP", "/Dest", "/Dests"})
_LEVELS = {
    ModificationLevel.NONE: After.NOTHING,
    ModificationLevel.LTA_UPDATES: After.EVIDENCE,
    ModificationLevel.FORM_FILLING: After.SIGNATURES,
}
# As pyHanko's own, without what lets form fields change, and without objects that nothing refers to: some readers find them.
_POLICY = StandardDiffPolicy(
    global_rules=[
        CatalogModificationRule(),
        DocInfoRule().as_qualified(ModificationLevel.LTA_UPDATES),
        XrefStreamRule().as_qualified(ModificationLevel.LTA_UPDATES),
        ObjectStreamRule().as_qualified(ModificationLevel.LTA_UPDATES),
        DSSCompareRule().as_qualified(ModificationLevel.LTA_UPDATES),
        MetadataUpdateRule().as_qualified(ModificationLevel.LTA_UPDATES),
    ],
    form_rule=FormUpdatingRule(field_rules=[SigFieldCreationRule(), SigFieldModificationRule()]),
    ignore_orphaned_objects=False,
)


def review(octets: bytes) -> tuple[Finding, ...]:
    """In the order of the file. Raises Refused `pdf.*`, and whatever pyHanko raises about a file that is broken."""
    reader = PdfFileReader(BytesIO(octets), strict=True)
    if "/Encrypt" in reader.trailer:
        raise Refused("pdf.encrypted", "trailer")
    if reader.xrefs.hybrid_xrefs_present:
        raise Refused("pdf.hybrid", "trailer", "/XRefStm")
    _check_actions(reader)
    found = [_finding(reader, name, field.get_object()) for name, _, field in enumerate_sig_fields(reader, filled_status=True)]
    return tuple(sorted(found, key=lambda one: one.byte_range[1]))


def _finding(reader: PdfFileReader, name: str, field: generic.DictionaryObject) -> Finding:
    reference = field.raw_get("/V")
    if not isinstance(reference, generic.IndirectObject):
        raise Refused("pdf.structure", "/V", "the signature is no object of its own")
    signature = reference.get_object()
    if not isinstance(signature, generic.DictionaryObject):
        raise Refused("pdf.structure", "/V", "the signature is no dictionary")
    at = reader.xrefs.get_historical_ref(reference.reference, reader.xrefs.get_last_change(reference.reference))
    if not isinstance(at, int):
        raise Refused("pdf.structure", "/V", "the signature stands in an object stream")
    numbers = [int(one) for one in signature["/ByteRange"]]
    if len(numbers) != 4:
        raise Refused("pdf.byte_range", "/ByteRange", f"{len(numbers)} numbers")
    written = str(signature.get("/SubFilter", ""))[:60]
    after, permitted, why = _changes(reader, name, field) if written in FORMATS else (After.MORE, False, "")
    return Finding(
        name=name[:200],
        byte_range=(numbers[0], numbers[1], numbers[2], numbers[3]),
        contents_sha256=hashlib.sha256(extract_contents(signature)).digest(),
        object_at=at,
        format=written,
        after=after,
        permitted=permitted,
        claimed_at=str(signature.get("/M", ""))[:40],
        why=why,
    )


def _changes(reader: PdfFileReader, name: str, field: generic.DictionaryObject) -> tuple[After, bool, str]:
    """What was added behind it, whether its signer permits that, and what pyHanko says of what it cannot explain."""
    signature = EmbeddedPdfSignature(reader, field, name)
    signature.coverage = signature.evaluate_signature_coverage()  # type: ignore[assignment] # declared by its first value, None
    changes = signature.evaluate_modifications(_POLICY)
    if not isinstance(changes, DiffResult):
        return After.MORE, True, str(changes)[:300]
    limit = signature.docmdp_level
    permitted = limit is None or changes.modification_level.value <= limit.value
    return _LEVELS.get(changes.modification_level, After.MORE), permitted, ""


def _check_actions(reader: PdfFileReader) -> None:
    """What the catalogue leads to, but for what pages are painted with. Raises Refused `pdf.active_content`."""
    todo: list[Any] = [reader.root]
    seen: set[tuple[int, int]] = set()
    walked = 0
    while todo:
        one = todo.pop()
        if isinstance(one, generic.IndirectObject):
            if (one.idnum, one.generation) in seen:
                continue
            seen.add((one.idnum, one.generation))
            one = one.get_object()
        walked += 1
        if walked > _WALKED:
            raise Refused("pdf.too_many", "", f"more than {_WALKED} parts")
        if isinstance(one, generic.DictionaryObject):
            _check_dictionary(one)
            todo += [one.raw_get(key) for key in one if key not in _PAINT]
        elif isinstance(one, generic.ArrayObject):
            todo += [one.raw_get(index) for index in range(len(one))]


def _check_dictionary(one: generic.DictionaryObject) -> None:
    active = one.keys() & {"/JS", "/JavaScript", "/XFA", "/AA"}
    if active:
        raise Refused("pdf.active_content", min(active))
    if str(one.get("/S", "")) in _ACTIONS:
        raise Refused("pdf.active_content", "/S", str(one["/S"]))


_read_slowly = generic.read_hex_string_from_stream
_PLAIN_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2})*")
_CHUNK_OCTETS = 16_384


def _read_hex_string(stream: Any) -> Any:
    """A hexadecimal string at once, not octet by octet: signature values are long. All but plain digits goes the old way."""
    start, digits = stream.tell(), bytearray()
    stream.read(1)
    while chunk := stream.read(_CHUNK_OCTETS):
        end = chunk.find(b">")
        digits += chunk if end < 0 else chunk[:end]
        if end >= 0:
            break
    if not chunk or not _PLAIN_HEX.fullmatch(digits):
        stream.seek(start)
        return _read_slowly(stream)
    stream.seek(start + len(digits) + 2)
    return generic.pdf_string(binascii.unhexlify(digits))


generic.read_hex_string_from_stream = _read_hex_string
