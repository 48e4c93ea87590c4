"""What goes wrong on purpose, so that one sees how the hub answers: each lesson follows a planned message that was accepted."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import NAMESPACE_URL, uuid5

from lgsp.demo.day import DayPlan, PlannedMessage
from lgsp.demo.province import Province

SAME_RECEIPT = "same receipt"
_RESENDS_PERCENT = 1
_TIMES = 3  # each refused lesson, in a day of any size that has enough messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """`caller` sends `message` after `message_id` (the model) was accepted. `expected` is a code, or SAME_RECEIPT for the model's
    own bytes once more. `signing`: "own" (its sender's seal), "none", "model" (the model's signature on it), or the code of
    another agency whose seal it bears."""

    name: str
    caller: str
    message: PlannedMessage
    expected: str
    signing: str = "own"


def plan_lessons(plan: DayPlan, province: Province) -> Mapping[str, tuple[Lesson, ...]]:
    """By the model's message id. Models are spread over the day; all are progress reports that communes send by themselves."""
    communes = {commune.code for commune in province.communes}
    models = [message for message in plan.messages if message.sender in communes and message.kind == "case.progress/1"]
    result = next(message for message in plan.messages if message.kind == "case.result/1")
    found: defaultdict[str, list[Lesson]] = defaultdict(list)
    for model in _spread(models, max(1, len(plan.messages) * _RESENDS_PERCENT // 100)):
        found[model.message_id].append(Lesson(name="resent", caller=model.sender, message=model, expected=SAME_RECEIPT))
    for place, model in enumerate(_spread(models[1:], _TIMES * len(_REFUSED))):
        lesson = _REFUSED[place % len(_REFUSED)](model, province)
        if lesson.name == "unsigned":
            lesson = replace(lesson, message=replace(lesson.message, kind=result.kind, body=result.body))
        found[model.message_id].append(lesson)
    return {message_id: tuple(lessons) for message_id, lessons in found.items()}


def _spread(models: list[PlannedMessage], number: int) -> Iterable[PlannedMessage]:
    step = max(1, len(models) // max(1, number))
    return models[::step][:number]


def _unknown_recipient(model: PlannedMessage, province: Province) -> Lesson:
    return _refused("unknown_recipient", replace(model, recipients=("H01.999",)), "route.unknown_recipient")


def _split_recipient(model: PlannedMessage, province: Province) -> Lesson:
    """A commune until 2025-06-30 whose area went to several: the hub does not guess which one is meant."""
    split = next(agency for agency in province.agencies if agency.level == "commune" and len(agency.successors) > 1)
    return _refused("split_recipient", replace(model, recipients=(split.code,)), "route.ambiguous_successor")


def _wrong_sender(model: PlannedMessage, province: Province) -> Lesson:
    other = next(commune.code for commune in province.communes if commune.code != model.sender)
    return replace(
        _refused("wrong_sender", replace(model, sender=other), "auth.sender_mismatch"),
        caller=model.sender,
    )


def _id_reused(model: PlannedMessage, province: Province) -> Lesson:
    """The model's id for other bytes."""
    return Lesson(
        name="id_reused",
        caller=model.sender,
        message=replace(model, identifiers=(*model.identifiers, ("case", f"{model.order_key}-SUA"))),
        expected="envelope.id_reused",
    )


def _body_invalid(model: PlannedMessage, province: Province) -> Lesson:
    line = {**model.body["line"], "status": 77}
    return _refused("body_invalid", replace(model, body={**model.body, "line": line}), "body.invalid")


def _kind_not_granted(model: PlannedMessage, province: Province) -> Lesson:
    return _refused("kind_not_granted", replace(model, kind="postal.settlement/1"), "grant.kind_not_allowed")


def _unsigned(model: PlannedMessage, province: Province) -> Lesson:
    """A result, which has legal effect; its body is put in by `plan_lessons`."""
    return replace(_refused("unsigned", model, "signature.missing"), signing="none")


def _borrowed_signature(model: PlannedMessage, province: Province) -> Lesson:
    """The model's, on a message that says the same under another id."""
    return replace(_refused("borrowed_signature", model, "signature.other_envelope"), signing="model")


def _another_seal(model: PlannedMessage, province: Province) -> Lesson:
    other = next(commune.code for commune in province.communes if commune.code != model.sender)
    return replace(_refused("another_seal", model, "signature.wrong_signer"), signing=other)


_REFUSED = (
    _unknown_recipient,
    _body_invalid,
    _wrong_sender,
    _id_reused,
    _split_recipient,
    _kind_not_granted,
    _unsigned,
    _borrowed_signature,
    _another_seal,
)


def _refused(name: str, message: PlannedMessage, expected: str) -> Lesson:
    """Under an id of its own, derived from the model's so that a plan stays the same every time."""
    message_id = str(uuid5(NAMESPACE_URL, f"{message.message_id}#{name}"))
    return Lesson(name=name, caller=message.sender, message=replace(message, message_id=message_id), expected=expected)
