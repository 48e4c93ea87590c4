"""The report in a bundle: what a person reads, in both languages, the same octets for the same content."""

import subprocess
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from contracts.envelope import Attachment
from lgsp.evidence import report as typesetting
from lgsp.evidence.content import BundleContent
from lgsp.evidence.report import NoTypesetter, report
from lgsp.evidence.report_view import MAX_LANES, report_view
from tests.bundles import content, envelope, message


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> BundleContent:
    return content(tmp_path_factory.mktemp("files"))


def test_the_same_content_makes_the_same_report(plain: BundleContent) -> None:
    assert report(plain) == report(plain)
    assert report(plain).startswith(b"%PDF-1.7") and b"pdfaid:part" in report(plain)


def test_the_drawing_shows_who_gave_what_to_whom(plain: BundleContent) -> None:
    (one,) = report_view(plain).messages
    assert one.lanes[:2] == ("Sở Xây dựng tỉnh Đắk Lắk (H15.21)", "Trục liên thông tỉnh Đắk Lắk (H15)")
    ways = [(step.label.en, step.begins, step.ends) for step in one.steps]
    assert ways == [
        ("accepted", 0, 1),
        ("attempted, to be retried", 1, 2),
        ("delivered", 1, 2),
        ("fetched by the recipient", 3, 1),
    ]
    assert [line.index for line in one.lines] == [leaf.index for leaf in message().leaves]


def test_strangers_text_is_never_markup(plain: BundleContent) -> None:
    """A file name with the typesetter's own language is a name."""
    name = '#panic("đọc được") $x$ <b> \\ "'
    file = Attachment(digest="sha256:" + "0" * 64, size_bytes=1, name=name)
    odd = replace(message(), envelope=msgspec.structs.replace(envelope(), attachments=(file,)))
    assert report(replace(plain, messages=(odd,), subject=name)).startswith(b"%PDF")


def test_many_messages_and_recipients_fit(plain: BundleContent) -> None:
    """One message begins a page of its own; who finds no lane stands in the list."""
    view = report_view(replace(plain, messages=(message(),) * 3))
    assert len(view.messages) == 3 and all(len(one.lanes) <= MAX_LANES + 2 for one in view.messages)
    assert report(replace(plain, messages=(message(),) * 3)).startswith(b"%PDF")


def test_its_text_can_be_read_out_with_all_diacritics(plain: BundleContent, tmp_path: Path) -> None:
    """As poppler reads it: fonts are embedded, and letters are letters."""
    path = tmp_path / "report.pdf"
    path.write_bytes(report(plain))
    done = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True, timeout=60)
    text = done.stdout.decode()
    for words in ("HỒ SƠ CHỨNG CỨ ĐIỆN TỬ", "Sở Xây dựng tỉnh Đắk Lắk", "Chữ ký của bên gửi", "giấy phép.txt", "đã thử giao"):
        assert words in text


def test_without_a_typesetter_it_says_so(plain: BundleContent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "typst", None)
    with pytest.raises(NoTypesetter):
        report(plain)
    assert typesetting.can_typeset() in (True, False)
