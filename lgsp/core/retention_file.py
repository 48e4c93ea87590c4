"""The file with the rules of retention: TOML, a `[[rule]]` after the other. Everything wrong with it is told at once."""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from contracts.kinds import KINDS
from lgsp.core.retention import Rule
from lgsp.errors import LgspError

_FIELDS = tuple(field.name for field in msgspec.structs.fields(Rule))
_WORDS = re.compile(r"`|, got \w+")  # msgspec's
_NAMES = frozenset(kind.partition("/")[0] for kind in KINDS)


class RetentionInvalid(LgspError):
    """The file cannot be used; `problems` lists all that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


def read_rules(octets: bytes) -> tuple[Rule, ...]:
    """The rules in their order. Raises RetentionInvalid with every problem found."""
    try:
        table = tomllib.loads(octets.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RetentionInvalid([f"not TOML in UTF-8: {error}"]) from None
    problems = [f"{key}: there is nothing but [[rule]] in this file" for key in table if key != "rule"]
    read = ((number, _rule(number, given, problems)) for number, given in enumerate(_tables(table, problems), 1))
    rules = {number: rule for number, rule in read if rule is not None}
    problems.extend(_between(rules))
    if problems:
        raise RetentionInvalid(problems)
    return tuple(rules.values())


def _tables(table: dict[str, object], problems: list[str]) -> list[dict[str, object]]:
    given = table.get("rule", [])
    if isinstance(given, list) and all(isinstance(one, dict) for one in given):
        return given
    problems.append("rule: write [[rule]], in double brackets, once for each rule")
    return []


def _rule(number: int, given: dict[str, object], problems: list[str]) -> Rule | None:
    """None where it cannot be read; each field is judged by itself, so that one mistake hides no other."""
    where = f"rule {number} ({given.get('name', 'without a name')})"
    wrong = len(problems)
    for key in given.keys() - set(_FIELDS):
        near = difflib.get_close_matches(key, _FIELDS, n=1)
        problems.append(f"{where}: there is no field {key}" + (f"; did you mean {near[0]}?" if near else ""))
    for key in _FIELDS:
        if key in given or key == "name":
            problems.extend(_wrong_value(where, key, given))
    if len(problems) > wrong:
        return None
    rule = msgspec.convert(given, Rule)
    problems.extend(f"{where}: {one}" for one in _inside(rule))
    return rule


def _wrong_value(where: str, key: str, given: dict[str, object]) -> Iterator[str]:
    """Judged in a rule with nothing else in it."""
    try:
        msgspec.convert({"name": "-", key: given[key]} if key in given else {}, Rule)
    except msgspec.ValidationError as error:
        yield f"{where}: {key}: {_WORDS.sub('', str(error)).partition(' - at')[0].lower()}"


def _inside(rule: Rule) -> Iterator[str]:
    for kind in rule.kinds:
        if not _exists(kind):
            near = difflib.get_close_matches(kind, [*KINDS, *_NAMES], n=1)
            yield f"kinds: there is no kind {kind}" + (f"; did you mean {near[0]}?" if near else "")
    if rule.archive_first and rule.bodies_days is None and rule.attachments_days is None:
        yield "archive_first: nothing is ever erased by this rule; give bodies_days or attachments_days"


def _exists(kind: str) -> bool:
    return kind == "*" or kind in KINDS or kind in _NAMES or any(kind.endswith(".*") and n.startswith(kind[:-1]) for n in _NAMES)


def _between(rules: Mapping[int, Rule]) -> Iterator[str]:
    """Names that stand twice, and rules that never apply because one before covers the same and more. By number."""
    before: list[Rule] = []
    for number, rule in rules.items():
        if any(one.name == rule.name for one in before):
            yield f"rule {number}: the name {rule.name} is given twice"
        hiding = next((one for one in before if one.is_general and _kinds(rule) <= _kinds(one)), None)
        if hiding is not None:
            yield f"rule {number} ({rule.name}): never applies, {hiding.name} before it covers the same kinds; put it first"
        before.append(rule)


def _kinds(rule: Rule) -> frozenset[str]:
    return frozenset(kind for kind in KINDS if rule.covers_kind(kind))
