"""The published schemas: what partners hold in hands never changes silently."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import jsonschema_rs
import msgspec
import pytest
from lxml import etree
from msgspec import Meta

from contracts.errors import ContractError
from contracts.kinds import KINDS, Kind, publish, read_body
from contracts.kinds.case import CaseProgress
from contracts.kinds.catalogue import JSON, XML
from contracts.kinds.examples import Example
from contracts.kinds.xml import to_xml

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.key)
ADVICE = f"run `{publish.HOW}`; a schema that was released already needs a new version of its kind"


def folder(kind: Kind) -> Path:
    return publish.FOLDER / kind.name / str(kind.version)


@each_kind
def test_the_committed_files_are_what_the_models_say(kind: Kind) -> None:
    """Models, schemas and examples are one thing; nobody edits a published file by hand."""
    expected = publish.files_of(kind)
    committed = {path.name: path.read_bytes() for path in folder(kind).iterdir()}
    assert sorted(committed) == sorted(expected), ADVICE
    for name, octets in expected.items():
        assert committed[name] == octets, f"{kind.key} {name}: {ADVICE}"


def test_nothing_is_published_that_no_kind_stands_behind() -> None:
    """A folder without a kind would be a promise nobody keeps."""
    folders = {f"{path.parent.name}/{path.name}" for path in publish.FOLDER.glob("*/*") if path.is_dir()}
    assert folders == set(KINDS)


def test_what_was_published_stays_as_it_is() -> None:
    """The digests are the memory: a changed schema, example or finding of a published version fails here, whatever else was
    regenerated."""
    published = msgspec.json.decode((publish.FOLDER / publish.DIGESTS).read_bytes(), type=dict[str, dict[str, str]])
    assert {key: set(files) for key, files in published.items()} == {
        key: set(publish.files_of(kind)) for key, kind in KINDS.items()
    }, ADVICE
    assert list(publish.changed(published)) == []
    for key, files in published.items():
        for name, digest in files.items():
            assert publish.sha256((publish.FOLDER / key / name).read_bytes()) == digest, f"{key} {name}"


def test_a_change_of_a_published_schema_is_noticed() -> None:
    """The guard itself works: another digest, and a kind that vanished."""
    wrong = {"case.file/1": {"schema.json": "0" * 64}, "case.old/1": {"schema.xsd": "0" * 64}}
    assert list(publish.changed(wrong)) == ["case.file/1 schema.json", "case.old/1 schema.xsd"]


def test_publishing_refuses_to_change_what_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1, the files named, and nothing written."""
    register = tmp_path / publish.DIGESTS
    register.write_text('{"case.file/1": {"schema.xsd": "00"}}')
    monkeypatch.setattr(publish, "FOLDER", tmp_path)
    assert publish.main() == 1
    assert "case.file/1 schema.xsd" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [publish.DIGESTS]


def test_publishing_twice_writes_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And these are the committed ones, so that the command is all one needs to know."""
    files = [path for path in publish.FOLDER.rglob("*") if path.is_file() and path.parent.name != "soap"]  # of the SOAP surface
    committed = {path.relative_to(publish.FOLDER): path.read_bytes() for path in files}
    monkeypatch.setattr(publish, "FOLDER", tmp_path)
    assert publish.main() == publish.main() == 0
    assert {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == committed


@each_kind
def test_every_published_example_is_valid_in_both_schema_languages_and_read_alike(kind: Kind) -> None:
    """The files as published, with independent validators: JSON Schema and XML Schema; both forms are one body."""
    json_schema = jsonschema_rs.Draft202012Validator(
        msgspec.json.decode((folder(kind) / "schema.json").read_bytes()), validate_formats=True
    )
    xml_schema = etree.XMLSchema(etree.parse(folder(kind) / "schema.xsd"))
    for example in kind.examples:
        as_json = (folder(kind) / f"example-{example.name}.json").read_bytes()
        as_xml = (folder(kind) / f"example-{example.name}.xml").read_bytes()
        json_schema.validate(msgspec.json.decode(as_json))
        xml_schema.assertValid(etree.fromstring(as_xml))
        assert read_body(kind, as_xml, XML).model == example.body
        if JSON in kind.media_types:
            assert read_body(kind, as_json, JSON).model == example.body


@each_kind
def test_a_published_example_is_read_as_on_the_day_it_was_published(kind: Kind) -> None:
    """From the files alone: the identifiers by which it is found and the lane it takes never change under a version."""
    for path in folder(kind).glob("found-*.json"):
        said = msgspec.json.decode(path.read_bytes())
        name = path.stem.removeprefix("found-")
        readings = [read_body(kind, (folder(kind) / f"example-{name}.xml").read_bytes(), XML)]
        if JSON in kind.media_types:
            readings.append(read_body(kind, (folder(kind) / f"example-{name}.json").read_bytes(), JSON))
        for reading in readings:
            assert msgspec.to_builtins(reading.identifiers) == tuple(said["identifiers"])
            assert reading.order_key == said["order_key"]


def test_another_reading_of_a_published_example_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes how old bodies are found is told so, although every schema is as it was."""
    published = msgspec.json.decode((publish.FOLDER / publish.DIGESTS).read_bytes(), type=dict[str, dict[str, str]])
    other = replace(KINDS["case.progress/1"], order_key_of=lambda body: "elsewhere")
    monkeypatch.setattr(publish, "KINDS", {**KINDS, other.key: other})
    assert list(publish.changed(published)) == ["case.progress/1 found-waiting-for-tax.json"]


class CaseProgress2(CaseProgress, frozen=True, kw_only=True):
    """The next version asks for one field more."""

    channel: Annotated[str, Meta(min_length=1, max_length=20)]


def test_a_second_version_stands_beside_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Published without a change to what is there; both versions are valid and each reads its own, in JSON and in XML. A third
    version that shares the model of the first is told apart as well."""
    first = KINDS["case.progress/1"]
    old = first.examples[0].body
    new = CaseProgress2(**{name: getattr(old, name) for name in old.__struct_fields__}, channel="mobile")
    second = replace(first, version=2, model=CaseProgress2, examples=(Example("mobile", new),))
    third = replace(first, version=3)
    shutil.copytree(publish.FOLDER, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(publish, "FOLDER", tmp_path)
    monkeypatch.setattr(publish, "KINDS", {**KINDS, second.key: second, third.key: third})
    before = {path: path.read_bytes() for path in tmp_path.glob("*/1/*")}
    assert publish.main() == 0
    assert {path: path.read_bytes() for path in tmp_path.glob("*/1/*")} == before
    for kind, body in ((first, old), (second, new), (third, old)):
        for octets, media_type in ((msgspec.json.encode(body), JSON), (to_xml(kind, body), XML)):
            assert read_body(kind, octets, media_type).model == body
    json_of = {kind.key: (msgspec.json.encode(body), JSON) for kind, body in ((first, old), (second, new))}
    xml_of = {kind.key: (to_xml(kind, body), XML) for kind, body in ((first, old), (second, new), (third, old))}
    for others in (json_of, xml_of):
        for key, form in others.items():
            for kind in (first, second, third) if others is xml_of else (first, second):
                if kind.key != key:
                    with pytest.raises(ContractError, match=r"body\.invalid"):
                        read_body(kind, *form)


@each_kind
def test_schemas_are_valid_themselves_and_bilingual(kind: Kind) -> None:
    """A draft 2020-12 schema with patterns that other languages understand; Vietnamese and English documentation in the XSD."""
    schema = publish.schemas_of(kind)["schema.json"]
    jsonschema_rs.meta.validate(msgspec.json.decode(schema))
    assert rb"\\A" not in schema
    assert rb"\\Z" not in schema
    assert kind.title_vi.encode() in schema
    notes = etree.fromstring(publish.schemas_of(kind)["schema.xsd"]).iter("{*}documentation")
    assert {"vi", "en"} <= {note.get("{http://www.w3.org/XML/1998/namespace}lang") for note in notes}


def test_the_schema_of_documents_takes_any_order_and_refuses_wrong_codes() -> None:
    """Lenient about what practice varies, strict about code lists."""
    xsd = etree.XMLSchema(etree.fromstring(publish.schemas_of(KINDS["document.packet/1"])["schema.xsd"]))
    packet = KINDS["document.packet/1"].examples[0].octets
    assert packet is not None
    root = etree.fromstring(packet)
    (header,) = root.iter("{*}MessageHeader")
    header[:] = reversed(header)
    assert xsd.validate(root)
    (priority,) = root.iter("{*}Priority")
    priority.text = "7"
    assert not xsd.validate(root)


def test_the_handbook_names_every_kind() -> None:
    """The table of kinds is written by hand and must not fall behind."""
    handbook = (publish.FOLDER.parent / "README.md").read_text()
    for key in KINDS:
        assert f"| `{key}` |" in handbook, key
