"""The published schemas: what partners hold in hands never changes silently."""

from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
from lxml import etree

from contracts.kinds import KINDS, Kind, publish, read_body
from contracts.kinds.catalogue import JSON, XML

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.key)
ADVICE = f"run `{publish.HOW}`; a schema that was released already needs a new version of its kind"


def folder(kind: Kind) -> Path:
    return publish.FOLDER / kind.name / str(kind.version)


@each_kind
def test_the_committed_files_are_what_the_models_say(kind: Kind) -> None:
    """Models, schemas and examples are one thing; nobody edits a published file by hand."""
    expected = {**publish.schemas_of(kind), **publish.examples_of(kind)}
    committed = {path.name: path.read_bytes() for path in folder(kind).iterdir()}
    assert sorted(committed) == sorted(expected), ADVICE
    for name, octets in expected.items():
        assert committed[name] == octets, f"{kind.key} {name}: {ADVICE}"


def test_nothing_is_published_that_no_kind_stands_behind() -> None:
    """A folder without a kind would be a promise nobody keeps."""
    folders = {f"{path.parent.name}/{path.name}" for path in publish.FOLDER.glob("*/*") if path.is_dir()}
    assert folders == set(KINDS)


def test_published_schemas_stay_as_they_are() -> None:
    """The digests are the memory: a changed schema of a published version fails here, whatever else was regenerated."""
    published = msgspec.json.decode((publish.FOLDER / publish.DIGESTS).read_bytes(), type=dict[str, dict[str, str]])
    assert set(published) == set(KINDS), ADVICE
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
    committed = {path.relative_to(publish.FOLDER): path.read_bytes() for path in publish.FOLDER.rglob("*") if path.is_file()}
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
