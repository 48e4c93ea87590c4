"""The hub's directory as the national bus lists it. Pure."""

from collections.abc import Sequence

from adapters.edxml_bus.national_wire import AgencyRow, AgencyRowQd20, Unit
from contracts.agency import Scheme, scheme_of
from contracts.desk import Listed


def rows(listed: Sequence[Listed]) -> list[AgencyRow]:
    return [
        AgencyRow(id=one.code, pid=one.parent or "", code=one.code, old_code=_other(one, "qcvn102"), name=one.name_vi, mail="")
        for one in listed
        if one.closed_on is None
    ]


def rows_qd20(listed: Sequence[Listed], level: int = 0) -> list[AgencyRowQd20]:
    """`level`: only codes of so many groups; 0: all. Who has no code of that decision stands under the code that it has."""
    named = [(one, _of_scheme(one, "qd20") or one.code) for one in listed if one.closed_on is None]
    return [
        AgencyRowQd20(id=one.code, code=code, code102=_of_scheme(one, "qcvn102"), name=one.name_vi, mail="")
        for one, code in named
        if not level or code.count(".") + 1 == level
    ]


def units(listed: Sequence[Listed], hub: str) -> list[Unit]:
    return [
        Unit(
            id=one.code,
            pid=one.parent or "",
            code=one.code,
            name=one.name_vi,
            mail="",
            center_code=hub,
            version=1,
            deleted=one.closed_on is not None,
            modify_date="" if one.closed_on is None else f"{one.closed_on:%Y/%m/%d}",
            is_agency=True,
        )
        for one in listed
    ]


def _of_scheme(one: Listed, scheme: Scheme) -> str:
    """ "" where it has none."""
    return next((code for code in (one.code, *one.other_codes) if scheme_of(code) == scheme), "")


def _other(one: Listed, scheme: Scheme) -> str:
    return next((code for code in one.other_codes if scheme_of(code) == scheme), "")
