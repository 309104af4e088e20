"""The server does what openapi.yaml says, for requests made up from it, valid and not."""

from pathlib import Path
from typing import Any

import schemathesis
import yaml
from hypothesis import settings
from openapi_spec_validator import validate

from tests.server_process import ServerProcess

DOCUMENT = Path(__file__).parents[2] / "openapi.yaml"

schema = schemathesis.openapi.from_path(DOCUMENT)


def test_the_document_is_valid_openapi() -> None:
    validate(yaml.safe_load(DOCUMENT.read_text()))


@schema.exclude(path="/1.0/shell").parametrize()
@settings(max_examples=25, deadline=None)
def test_answers_as_documented(case: Any, fake_server: ServerProcess) -> None:
    headers = {"Authorization": f"Bearer {fake_server.token}"}
    case.call_and_validate(base_url=fake_server.url, headers=headers)
