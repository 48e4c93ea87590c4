"""OpenAPI documents of all registered facades: each can be written, and every reference in it leads somewhere."""

import json
import re

import pytest

from adapters.registry import FACADES
from lgsp.http.facade_openapi import facade_document


@pytest.mark.parametrize("name", FACADES)
def test_a_facade_is_described(name: str) -> None:
    """Also where an answer may be one of several."""
    facade = FACADES[name]()
    octets = facade_document(facade, "https://hub.example")
    document = json.loads(octets)
    assert document["servers"] == [{"url": f"https://hub.example{facade.prefix}"}]
    assert {operation.path for operation in facade.operations} == document["paths"].keys()
    named = set(re.findall(rb'"#/components/schemas/([^"]+)"', octets))
    assert {one.decode() for one in named} <= document["components"]["schemas"].keys()
