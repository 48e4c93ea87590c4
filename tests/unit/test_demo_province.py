"""The demo's agencies: real units, honest codes, and every closed code leads somewhere."""

import subprocess
import sys
from collections import defaultdict
from datetime import date
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from contracts.agency import agency_code, scheme_of, to_qd20
from lgsp.demo import province as codes
from lgsp.demo import units
from lgsp.demo.province import DemoAgency, Province, legacy_form, load_province

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def province() -> Province:
    return load_province()


def closed(province: Province, level: str) -> list[DemoAgency]:
    return [agency for agency in province.agencies if agency.level == level and agency.closed]


def test_the_new_province_has_102_communes(province: Province) -> None:
    """85 xã, 14 phường and 3 đặc khu, as Resolution 1654/NQ-UBTVQH15 made them."""
    assert len(province.communes) == 102
    assert province.commune_kinds == {"Xã": 85, "Phường": 14, "Đặc khu": 3}


def test_all_old_units_are_kept_as_closed_codes(province: Province) -> None:
    """155 + 143 communes and 11 + 15 districts of An Giang and Kiên Giang ended on 2025-06-30."""
    assert len(closed(province, "commune")) == 155 + 143
    assert len(closed(province, "district")) == 11 + 15
    assert {agency.closed for level in ("commune", "district") for agency in closed(province, level)} == {date(2025, 6, 30)}


def test_codes_are_unique_and_well_formed(province: Province) -> None:
    """No two agencies share a code, and each is one the contracts accept."""
    assert len(province.by_code) == len(province.agencies)
    assert all(agency_code(agency.code) == agency.code for agency in province.agencies)
    assert {scheme_of(commune.code) for commune in province.communes} == {"qd20"}
    assert {scheme_of(agency.code) for agency in province.agencies if agency.closed} == {"qcvn102"}


def test_closed_codes_and_only_they_have_successors(province: Province) -> None:
    """Every closed agency is followed by agencies that are open; an open one by none."""
    for agency in province.agencies:
        assert bool(agency.successors) == (agency.closed is not None), agency
        assert all(province.by_code[code].closed is None for code in agency.successors), agency


def test_parents_and_successors_stand_before_those_who_name_them(province: Province) -> None:
    """A directory that reads the list from the top never meets a code it does not know yet."""
    seen: set[str] = set()
    for agency in province.agencies:
        assert seen.issuperset({agency.parent} - {None})
        assert seen.issuperset(agency.successors)
        seen.add(agency.code)


def test_split_communes_have_several_successors_with_the_main_one_first(province: Province) -> None:
    """Three old communes were divided; the package's default heir leads."""
    split = {agency.names[1]: agency.successors for agency in closed(province, "commune") if len(agency.successors) > 1}
    heirs = {name: [province.by_code[code].names[1] for code in codes_] for name, codes_ in split.items()}
    assert heirs == {
        "Xã Vĩnh Châu, Thành phố Châu Đốc": ["Phường Châu Đốc", "Phường Vĩnh Tế"],
        "Xã Phú Hội, Huyện An Phú": ["Xã An Phú", "Xã Nhơn Hội"],
        "Xã Phước Hưng, Huyện An Phú": ["Xã Nhơn Hội", "Xã An Phú", "Xã Phú Hữu"],
    }


def test_a_dissolved_department_may_have_two_successors(province: Province) -> None:
    """The labour department's work went to home affairs and to health, so its code alone decides nothing."""
    assert province.by_code["000.00.07.H01"].successors == (codes.MERIT, codes.SOCIAL)


def test_no_code_means_two_agencies_on_one_day(province: Province) -> None:
    """Statistical codes were handed on (91 was Kiên Giang, 30307 an old ward), but never on the same day."""
    spans: defaultdict[tuple[str, str], list[tuple[date, date]]] = defaultdict(list)
    for agency in province.agencies:
        for other in agency.also_known_as:
            spans[other.scheme, other.code].append((other.valid_from or date.min, other.valid_to or date.max))
    for name, periods in spans.items():
        ordered = sorted(periods)
        assert all(before[1] < after[0] for before, after in pairwise(ordered)), name
    assert len(spans["statistical", "91"]) == 2


def test_no_alias_is_another_agencys_own_code(province: Province) -> None:
    """An alias leads to the agency that lists it and to nobody else."""
    for agency in province.agencies:
        assert not {other.code for other in agency.also_known_as} & province.by_code.keys(), agency


def test_the_legacy_form_is_what_the_contracts_turn_back(province: Province) -> None:
    """H01.15 is 000.00.15.H01 and back again, for every agency that carries both."""
    assert legacy_form("H01.15") == "000.00.15.H01"
    assert legacy_form("H01.41.03") == "000.03.41.H01"
    pairs = [
        (agency.code, other.code) for agency in province.agencies for other in agency.also_known_as if other.scheme == "qcvn102"
    ]
    assert pairs
    assert all(to_qd20(legacy) == code for code, legacy in pairs)


def test_weights_add_up_to_the_old_communes(province: Province) -> None:
    """Every commune took something over, and a split commune counts once altogether."""
    weights = [province.weight(commune.code) for commune in province.communes]
    assert min(weights) > 0
    assert sum(weights, Fraction()) == 155 + 143


def test_agencies_that_decide_are_in_the_list(province: Province) -> None:
    """Everybody the day's cases are sent to exists and is open."""
    deciding = (
        codes.LAND_OFFICE,
        codes.MERIT,
        codes.CIVIL_STATUS,
        codes.SOCIAL,
        codes.POLICE,
        codes.TAX,
        codes.POST,
        codes.CASE_STATUS,
        codes.HUB,
    )
    assert all(province.by_code[code].closed is None for code in deciding)


def test_loading_reads_the_data_files_alone() -> None:
    """The package would bring its geocoder, and that NumPy and Shapely: seconds of imports nobody here has a use for."""
    code = "import sys; from lgsp.demo.province import load_province; load_province(); print('shapely' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT)
    assert done.stdout.strip() == "False"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without vietnamadminunits the error says what to install."""
    monkeypatch.setattr(units, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="vietnamadminunits"):
        units.read_units()
