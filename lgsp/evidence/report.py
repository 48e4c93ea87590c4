"""The report as PDF/A-2u, by typst: the same content makes the same octets. Needs the extra `evidence`."""

from datetime import datetime
from functools import cache
from importlib.resources import files
from importlib.util import find_spec

import msgspec

from lgsp.evidence.content import BundleContent
from lgsp.evidence.report_view import report_view


class NoTypesetter(RuntimeError):
    """The package `typst` is not installed: pip install 'lgsp-hub[evidence]'."""


def can_typeset() -> bool:
    return find_spec("typst") is not None


def report(content: BundleContent) -> bytes:
    """Blocks for tens of milliseconds. Only fonts that come with the typesetter are used. Raises NoTypesetter, RecordInvalid."""
    return _typeset(msgspec.json.encode(report_view(content)).decode(), content.made_at)


def _typeset(view: str, made_at: datetime) -> bytes:
    try:
        import typst
    except ImportError:
        raise NoTypesetter from None
    made = typst.compile(
        _template(),
        format="pdf",
        ignore_system_fonts=True,
        pdf_standards="a-2u",
        sys_inputs={"view": view},
        timestamp=int(made_at.timestamp()),
    )
    assert isinstance(made, bytes)
    return made


@cache
def _template() -> bytes:
    return files("lgsp.evidence").joinpath("report.typ").read_bytes()
