"""A mapping to start from: elements of an operation whose names are those of a field. A person reads it before it counts. Pure.

Names are compared as letters alone: "Ma_ho_so", "maHoSo" and the field whose source says "MaHoSo" are one. Fields of our kinds
name the national services that they come from, and most provincial services took their names from there.
"""

import re
from collections.abc import Iterator, Mapping

from msgspec import inspect

from adapters.soap.fields import struct_in
from adapters.soap.wsdl import Field, Operation
from contracts.kinds import Kind
from contracts.text import search_key

_SOURCE_NAME = re.compile(r"\b[A-Z][a-z]+(?:[A-Z][A-Za-z]*)+\b")  # MaHoSo, TenTTHC
_LETTERS = re.compile(r"[^a-z0-9]")
_MAX_DEPTH = 3
# What has no field of the body: of the delivery, and of the file that an element repeats for.
_ALWAYS = {
    "{delivery.id}": ("magiaodich", "idgiaodich", "transactionid", "requestid", "messageid", "mathongdiep", "magoitin"),
    "{envelope.sender}": ("madonvigui", "donvigui", "noigui", "sender", "from"),
    "{delivery.addressed_as}": ("madonvinhan", "donvinhan", "noinhan", "receiver", "to"),
    "{envelope.created_at}": ("thoigiangui", "ngaygui", "thoidiemgui"),
}
_OF_FILE = {
    "{file.name}": ("tentep", "tenfile", "filename", "tentepdinhkem", "name"),
    "{file.media_type}": ("kieutep", "loaitep", "contenttype", "mimetype", "dinhdang"),
    "{file.content}": ("noidung", "noidungtep", "dulieu", "data", "content", "base64", "filecontent"),
    "{file.size_bytes}": ("dungluong", "kichthuoc", "size"),
}
_CONTENT = ("noidung", "dulieu", "data", "xml", "content", "payload", "goitin", "edxml", "vanban", "body")
# The key of a party, a pair of code and name: which of the two an element means by its first letters.
_OF_PAIR = {"ma": "code", "ten": "name"}


def proposed(operation: Operation, kind: Kind) -> Mapping[str, str]:
    """Options of this kind by name; an element that nothing is proposed for has an empty value when it has to be filled.

    They bear the kind before them, because only such options are held against it when the endpoint is registered.
    """
    fields = dict(_named_fields(inspect.type_info(kind.model), "body", 0))
    options: dict[str, str] = {"operation": operation.name, "port": operation.port}
    content = "packet" if kind.name == "document.packet" else "content"
    for one in operation.fields:
        place = _place(one, fields, content)
        if place or one.required:
            options[f"field.{_with_files(one)}"] = place
    if any("{packet" in place for place in options.values()):
        options["organid"] = ""
    return {f"{kind.name}:{name}": value for name, value in options.items()}


def _place(one: Field, fields: Mapping[str, str], content: str) -> str:
    name = _key(one.path.rpartition(".")[2])
    if "[]" in one.path:
        return _among(_OF_FILE, name)
    if one.type == "any":
        return f"{{{content}|xml}}"
    if one.binary:
        return f"{{{content}}}" if name in _CONTENT else ""
    found = fields.get(name) or _among(_ALWAYS, name)
    return f"{{{found}}}" if found and not found.startswith("{") else found


def _among(table: Mapping[str, tuple[str, ...]], name: str) -> str:
    return next((place for place, names in table.items() if name in names), "")


def _with_files(one: Field) -> str:
    """The innermost element that repeats does so for files."""
    before, mark, after = one.path.rpartition("[]")
    return one.path if not mark else f"{before.replace('[]', '')}[files]{after}"


def _named_fields(found: inspect.Type, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """Letters of every name that a field goes by -> its path. Later ones count: what is further out comes last."""
    struct = struct_in(found)
    if struct is None or depth > _MAX_DEPTH:
        return
    pair = {one.name for one in struct.fields} == {"code", "name"}
    for one in struct.fields:
        below, about = f"{path}.{one.name}", _about(one.type)
        yield from _named_fields(one.type, below, depth + 1)
        inner = struct_in(one.type)
        for name in _names(one.name, about):
            if inner is None and not (pair and depth):
                yield name, below
            elif inner is not None:
                yield from _of_struct(name, below, inner)


def _of_struct(name: str, path: str, struct: inspect.StructType) -> Iterator[tuple[str, str]]:
    """ "TenTTHC" of a procedure is its name, "MaTTHC" its code, "ChuHoSo" of an applicant the name."""
    inside = {one.name for one in struct.fields}
    for start, member in _OF_PAIR.items():
        if name.startswith(start) and member in inside:
            yield name, f"{path}.{member}"
            return
    if "name" in inside:
        yield name, f"{path}.name"


def _names(name: str, about: Mapping[str, object]) -> Iterator[str]:
    yield _key(name)
    yield _key(str(about.get("title", "")))
    for found in _SOURCE_NAME.findall(str(about.get("description", ""))):
        yield _key(found)


def _key(text: str) -> str:
    return _LETTERS.sub("", search_key(text.replace("[]", "")))


def _about(found: inspect.Type) -> Mapping[str, object]:
    match found:
        case inspect.Metadata(extra_json_schema=schema):
            return schema or {}
        case inspect.UnionType(types=types):
            return next((about for one in types if (about := _about(one))), {})
        case _:
            return {}
