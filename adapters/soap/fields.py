"""Which element gets which value: options like `field.hoSo.tep[files].ten={file.name}` as a tree, held against the schema."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import inspect

from adapters.soap.templates import Place, Template, template
from adapters.soap.wsdl import Field, Operation, WsdlError
from contracts.kinds import Kind

_STEP = re.compile(r"([^.\[\]]+)(?:\[([^\[\]]+)\])?")
_STEPS = re.compile(rf"{_STEP.pattern}(?:\.{_STEP.pattern})*")
_ROOTS = frozenset({"body", "content", "packet", "envelope", "delivery", "identifier", "file", "item", "secret"})
_OF_ENVELOPE = frozenset(
    {"message_id", "sender", "kind", "created_at", "media_type", "order_key", "priority", "correlation_id", "expires_at"}
)
_OF_DELIVERY = frozenset({"id", "attempt", "recipient", "addressed_as", "sequence", "number"})
_OF_FILE = frozenset({"name", "media_type", "size_bytes", "digest", "content"})


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value. `binary`: the schema wants octets, in base64 or beside the message."""

    template: Template
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """Elements by name; `each`: the list whose entries it is repeated for, "" for once."""

    inner: Mapping[str, "Node | Leaf"]
    each: str = ""


def tree_of(prefix: str, own: Mapping[str, str], operation: Operation, kind: Kind) -> Node | Leaf:
    """The options `field.a.b` as a tree, each leaf looked up in the schema."""
    if prefix in own:
        return Leaf(_checked(prefix, own[prefix], kind, ""), binary=False)
    root: dict[Any, Any] = {}
    for name, text in own.items():
        if not name.startswith(f"{prefix}."):
            continue
        here: dict[Any, Any] = root
        steps = _steps(name.removeprefix(f"{prefix}."))
        each = next((source for _, source in reversed(steps) if source), "")
        for step in steps[:-1]:
            here = here.setdefault(step, {})
        path = ".".join(f"{element}{'[]' if source else ''}" for element, source in steps)
        here[steps[-1]] = Leaf(_checked(name, text, kind, each), _field(name, path, operation).binary)
    return _frozen(root)


def _steps(path: str) -> list[tuple[str, str]]:
    """Element and list of each: `tep[files].ten` is ("tep", "files"), ("ten", "")."""
    if not _STEPS.fullmatch(path):
        raise WsdlError(f"{path} is no path of elements, such as hoSo.tep[files].ten")
    return [(found[1], found[2] or "") for found in _STEP.finditer(path)]


def _frozen(tree: Mapping[tuple[str, str], Any], each: str = "") -> Node:
    inner: dict[str, Node | Leaf] = {}
    for (name, source), one in tree.items():
        if isinstance(one, Leaf):
            inner[name] = one if not source else Node({"": one}, source)
        else:
            inner[name] = _frozen(one, source)
    return Node(inner, each)


def _field(name: str, path: str, operation: Operation) -> Field:
    """A repeated element may be given once; what holds anything is not looked into."""
    header, plain = name.startswith("header."), path.replace("[]", "")
    found = operation.field(plain, header=header)
    if found is not None and all(mark <= known for mark, known in zip(_marks(path), _marks(found.path), strict=True)):
        return found
    if plain.rpartition(".")[2].startswith("_value_"):
        return Field(path, "any", False, False, False)
    known = [one.path.replace("[]", "") for one in (operation.headers if header else operation.fields)]
    raise WsdlError(f"{name}: the operation has no {path}{meant(plain, known)}")


def _marks(path: str) -> list[bool]:
    return [name.endswith("[]") for name in path.split(".")]


def _checked(name: str, text: str, kind: Kind, each: str) -> Template:
    found = parsed(name, text)
    check_places(name, found, kind, each)
    return found


def parsed(name: str, text: str) -> Template:
    try:
        return template(text)
    except ValueError as error:
        raise WsdlError(f"{name}: {error}") from None


def check_places(name: str, found: Template, kind: Kind, each: str) -> None:
    for place in found.places:
        wrong = _wrong(place, kind, each)
        if wrong:
            raise WsdlError(f"{name}: {wrong}")


def _wrong(place: Place, kind: Kind, each: str) -> str:
    root, *rest = place.path.split(".")
    if root not in _ROOTS:
        return f"there is no {root}{meant(root, list(_ROOTS))}; there are {', '.join(sorted(_ROOTS))}"
    if root == "file" and each != "files":
        return "{file...} stands in an element that repeats: name[files]"
    if root == "item" and not each.startswith("body."):
        return "{item...} stands in an element that repeats: name[body.papers]"
    if root == "packet" and not kind.name.startswith("document."):
        return f"{kind.name} is no packet: {{content}}"
    if root in ("content", "packet", "secret") and rest:
        return f"{root} has nothing inside"
    members = {"envelope": _OF_ENVELOPE, "delivery": _OF_DELIVERY, "file": _OF_FILE}.get(root)
    if members is not None and (len(rest) != 1 or rest[0] not in members):
        return f"{root} has {', '.join(sorted(members))}"
    return _wrong_in(kind, [*(each.split(".")[1:] if root == "item" else []), *rest]) if root in ("body", "item") else ""


def _wrong_in(kind: Kind, path: list[str]) -> str:
    """What of a path below the body no message of this kind has."""
    here: inspect.Type | None = inspect.type_info(kind.model)
    for step in path:
        struct = struct_in(here, lists=True)
        if struct is None or step.isdigit():
            continue  # a list, or what this does not look into
        names = {one.name: one.type for one in struct.fields}
        if step not in names:
            return f"{kind.key} has no {'.'.join(path)}{meant(step, list(names))}"
        here = names[step]
    return ""


def struct_in(found: inspect.Type | None, *, lists: bool = False) -> inspect.StructType | None:
    """The struct that a field is, perhaps; with `lists`, or is a list of."""
    match found:
        case inspect.StructType():
            return found
        case inspect.Metadata(type=inner):
            return struct_in(inner, lists=lists)
        case inspect.VarTupleType(item_type=inner) | inspect.ListType(item_type=inner) if lists:
            return struct_in(inner, lists=lists)
        case inspect.UnionType(types=types):
            return next((struct for one in types if (struct := struct_in(one, lists=lists)) is not None), None)
        case _:
            return None


def missing_in(tree: Node | Leaf, schema: tuple[Field, ...]) -> list[str]:
    """Fields that no message goes without and nobody fills."""
    if isinstance(tree, Leaf):
        return []
    given = set(_paths(tree))
    demanded = (one.path for one in schema if one.required and not one.path.rpartition(".")[2].startswith("_value_"))
    return [path for path in demanded if path.replace("[]", "") not in given]


def _paths(tree: Node | Leaf, prefix: str = "") -> Iterator[str]:
    if isinstance(tree, Leaf):
        yield prefix.rstrip(".")
        return
    for name, one in tree.inner.items():
        yield from _paths(one, f"{prefix}{name}." if name else prefix)


def places_of(tree: Node | Leaf) -> Iterator[Place]:
    if isinstance(tree, Leaf):
        yield from tree.template.places
        return
    for one in tree.inner.values():
        yield from places_of(one)


def meant(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.6)
    return f" (perhaps {close[0]})" if close else ""
