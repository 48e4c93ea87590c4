"""Whatever comes in by one protocol goes out by every other one that can carry it: a hub with every way in crossed with every way
out. What was signed stays as it is, octet for octet; what was not says the same, with one trace header more where the way out is
an edXML one."""

import itertools
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from adapters.registry import COLLECTORS, FACADES, REGISTRY
from contracts.agency import AgencyCode
from lgsp.core.directory import Agency, Grant
from tests.bridging.comparing import differences
from tests.bridging.loads import Load, document, example, status
from tests.bridging.table import table
from tests.bridging.ways_in import BUS, SENDER, WAYS_IN, WayIn
from tests.bridging.ways_out import WAYS_OUT, reached_by
from tests.bridging.world import EVERYTHING, FarSides, World, bridged_world


def agencies(far: FarSides) -> Sequence[Agency]:
    recipients = (
        Agency(code=AgencyCode(one.code), name_vi=one.name, level="post", endpoint=one.endpoint(far) if one.endpoint else None)
        for one in WAYS_OUT
    )
    senders = (Agency(code=AgencyCode(code), name_vi=code, grants=(Grant(kinds=("*",)),)) for code in (SENDER, BUS))
    return (*senders, *recipients)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with bridged_world(tmp_path, agencies) as running:
        yield running


def loads_for(way: WayIn) -> list[Load]:
    """Each kind that this way can carry, to all who can be told of it; of documents one that is signed and one that is not."""
    made: list[Load] = []
    for place, kind in enumerate(sorted(way.kinds), 1):
        codes, number = [one.code for one in reached_by(kind)], 10 * place
        match kind:
            case "document.packet":
                made += [document(number + signed, way.sender, codes, signed=bool(signed)) for signed in range(1 + way.signed)]
            case "document.status":
                made += [status(number + order, way.sender, code) for order, code in enumerate(codes)]
            case "postal.order" | "postal.event":  # an order number is one order's
                made += [
                    example(f"{kind}/1", way.sender, [code], order_number=f"H01.134-20261118-{number + order:07}")
                    for order, code in enumerate(codes)
                ]
            case _:
                made.append(example(f"{kind}/1", way.sender, codes))
    return [way.written(load) for load in made]


@pytest.mark.parametrize("way_in", WAYS_IN, ids=str)
async def test_what_comes_in_goes_out_by_every_way(world: World, way_in: WayIn) -> None:
    wrong: list[str] = []
    for load in loads_for(way_in):
        await way_in.send(world, load)
        for way_out in (one for one in reached_by(load.kind) if one.code in load.recipients):
            received = await way_out.receive(world, way_out.code, load)
            wrong += [f"{way_in.name} > {way_out.name}, {load.name}: {one}" for one in differences(load, received)]
    assert not wrong, "\n".join(wrong)


def test_no_adapter_of_the_registry_is_missing() -> None:
    """Whoever adds an adapter adds it here."""
    registered = {
        *(f"delivery {name}" for name in REGISTRY),
        *(f"facade {name}" for name in FACADES),
        *(f"collector {name}" for name in COLLECTORS),
    }
    crossed = {one.adapter for one in (*WAYS_IN, *WAYS_OUT)} - {""}
    assert crossed == registered


def test_the_page_for_integrators_says_what_goes_where() -> None:
    """adapters/README.md has the table of these ways as it stands here."""
    assert table() in (Path(__file__).parents[2] / "adapters/README.md").read_text("utf-8")


def test_every_kind_of_the_table_is_crossed() -> None:
    assert {kind for way in (*WAYS_IN, *WAYS_OUT) for kind in way.kinds} == EVERYTHING


def test_every_pair_is_crossed() -> None:
    """No way in or out is there for show: each meets several of the other side."""
    pairs = {(a.name, b.name) for a, b in itertools.product(WAYS_IN, WAYS_OUT) if a.kinds & b.kinds}
    for way in (*WAYS_IN, *WAYS_OUT):
        assert sum(way.name in pair for pair in pairs) >= 2, way.name
