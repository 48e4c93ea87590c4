"""What happens to one case, as an ordered list of steps: who tells whom what, and how long after the step before.

A case is one chain: a step begins when the step before has reached those it was sent to (or, for two steps of one sender, when
the hub has accepted it). So the order in which any agency hears about a case is fixed here, and the hub can be held to it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from contracts.kinds.codes import CaseStatus
from lgsp.demo import bodies
from lgsp.demo.bodies import Body, Said
from lgsp.demo.cases import PlannedCase
from lgsp.demo.province import CASE_STATUS, POST


@dataclass(frozen=True, slots=True)
class Step:
    """One message of a case. `wait_min` is the mean wait in minutes of the office day; `item` the parcel it is about; with
    `whole_file` it carries the file of the case, where there is one."""

    sender: str
    recipients: tuple[str, ...]
    kind: str
    wait_min: float
    body: Callable[[Said], Body]
    item: str | None = None
    whole_file: bool = False


def script(case: PlannedCase) -> tuple[Step, ...]:
    """The whole story, from the desk (or the postman at the applicant's door) to the hand-over."""
    return (*_collected(case), *(_decided_elsewhere(case) if case.field.decides else _decided_here(case)))


def _collected(case: PlannedCase) -> Iterator[Step]:
    if case.item_in:
        yield Step(case.commune, (POST,), "postal.order/1", 2, partial(bodies.order, is_collection=True), case.item_in)
        yield from _tracked(case, case.item_in, "EMA", "EMG", "EMI")


def _decided_elsewhere(case: PlannedCase) -> Iterator[Step]:
    """The commune passes the file on and, like the province's case-status database, is told what becomes of it."""
    assert case.field.decides is not None
    here, there = case.commune, case.field.decides
    yield Step(here, (there, CASE_STATUS), "case.file/1", 4, bodies.case_file, whole_file=True)
    yield _progress(there, (here,), CaseStatus.ACCEPTED, 6)
    if case.is_supplemented:
        yield Step(there, (here,), "case.supplement/1", 10, bodies.supplement_request)
        yield Step(here, (there,), "case.supplement/1", 25, bodies.supplement_answer)
    yield _progress(there, (here,), CaseStatus.IN_PROCESS, 10)
    if case.is_onward and case.field.onward:
        yield Step(there, (case.field.onward,), "case.transfer/1", 8, bodies.transfer, whole_file=True)
        yield _progress(case.field.onward, (there, here), case.field.onward_status, 15)
    yield Step(there, (here,), "case.result/1", 25, bodies.result)
    yield from _delivered(case)
    yield _progress(here, (there, CASE_STATUS), CaseStatus.RETURNED, 10)


def _decided_here(case: PlannedCase) -> Iterator[Step]:
    """The commune decides itself; the case-status database hears of it all the same, so that every case can be looked up."""
    yield Step(case.commune, (CASE_STATUS,), "case.file/1", 4, bodies.case_file, whole_file=True)
    yield _progress(case.commune, (CASE_STATUS,), CaseStatus.IN_PROCESS, 15)
    yield Step(case.commune, (CASE_STATUS,), "case.result/1", 45, bodies.result)
    yield from _delivered(case)
    yield _progress(case.commune, (CASE_STATUS,), CaseStatus.RETURNED, 10)


def _delivered(case: PlannedCase) -> Iterator[Step]:
    if case.item_out is None:
        return
    yield Step(case.commune, (POST,), "postal.order/1", 5, partial(bodies.order, is_collection=False), case.item_out)
    if case.is_cancelled:  # the applicant comes to the desk after all
        yield Step(case.commune, (POST,), "postal.cancel/1", 8, bodies.cancel, case.item_out)
        return
    attempts = ("EDG", "EMH") * case.failed_attempts
    yield from _tracked(case, case.item_out, "EMA", "EMG", *attempts, "EDG", "EMI")


def _progress(sender: str, recipients: tuple[str, ...], status: CaseStatus, wait_min: float) -> Step:
    return Step(sender, recipients, "case.progress/1", wait_min, partial(bodies.progress, status=status))


def _tracked(case: PlannedCase, item: str, *events: str) -> Iterator[Step]:
    for event in events:
        yield Step(POST, (case.commune,), "postal.event/1", 12, partial(bodies.event, code=event), item)
