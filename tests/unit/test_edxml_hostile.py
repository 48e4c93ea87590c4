"""What is broken or means harm meets a refusal that names element and rule, before it costs anything or is kept."""

import tracemalloc
from datetime import date

import pytest

from contracts.agency import AgencyCode
from contracts.edxml.attachments import Caps, files_in
from contracts.edxml.envelopes import envelope_of
from contracts.edxml.read import read_packet
from contracts.errors import ContractError
from tests.edxml_hostile import HOSTILE, bomb, understated
from tests.edxml_packets import PDF, Said, dotnet, java


@pytest.mark.parametrize("name", HOSTILE)
def test_the_refusal_names_code_and_element(name: str) -> None:
    """The same code and place whatever the packet is wrapped in; the detail quotes none of its content."""
    octets, code, field = HOSTILE[name]
    with pytest.raises(ContractError) as refusal:
        envelope_of(octets(), sender=AgencyCode("G22"), received_on=date(2026, 11, 28))
    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert refusal.value.detail
    assert len(refusal.value.detail) < 160
    assert refusal.value.problem.remedy_vi


def test_an_archive_that_understates_its_file_is_not_unpacked_beyond_what_it_states() -> None:
    """It stays packed, and of its 90 MB no more than a little is ever made."""
    octets = understated(bomb(90_000_000))
    packet = read_packet(dotnet(Said(files=(("cv.pdf", octets),))))
    tracemalloc.start()
    (file,) = files_in(packet)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file is not None
    assert (file.octets, file.media_type) == (octets, "application/zip")
    assert most < 5_000_000


@pytest.mark.parametrize(
    ("caps", "code"),
    [
        (Caps(file_bytes=len(PDF)), ""),
        (Caps(file_bytes=len(PDF) - 1), "attachment.too_large"),
        (Caps(total_bytes=2 * len(PDF)), ""),
        (Caps(total_bytes=2 * len(PDF) - 1), "attachment.too_large"),
    ],
)
def test_files_are_unpacked_up_to_caps(caps: Caps, code: str) -> None:
    """One by one and all together, counted as they come out of their archives."""
    packet = read_packet(java(Said(files=(("a.pdf", PDF), ("b.pdf", PDF)))))
    if not code:
        assert len(files_in(packet, caps)) == 2
        return
    with pytest.raises(ContractError) as refusal:
        files_in(packet, caps)
    assert refusal.value.code == code
