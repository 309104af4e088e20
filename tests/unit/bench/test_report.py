import json

import pytest

from bench.model import BenchError, Failure, Result, Samples
from bench.report import BEGIN, END, put_between_marks, to_json, to_markdown

RESULT = Result("echo", "Echo", "µs", {"whale": Samples((1.0,))})


def test_the_document_says_what_was_measured_on_what_and_what_was_not() -> None:
    document = json.loads(to_json({"kernel": "6"}, [RESULT], [Failure("pipe", "no")], ["a note"], quick=True))
    assert document["machine"] == {"kernel": "6"}
    assert document["quick"] is True
    assert document["results"]["echo"]["unit"] == "µs"
    assert document["not_measured"] == {"pipe": "no"}
    assert document["notes"] == ["a note"]


def test_the_page_names_the_machine_without_empty_facts() -> None:
    text = to_markdown({"kernel": "6", "commit": ""}, [RESULT], [])
    assert "| kernel | 6 |" in text
    assert "commit" not in text


def test_only_what_is_between_the_marks_changes() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    changed = put_between_marks(page, "new")
    assert changed == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert put_between_marks(changed, "new") == changed


@pytest.mark.parametrize("page", ["nothing", BEGIN, END, f"{END}{BEGIN}"])
def test_a_page_without_marks_is_not_written_over(page: str) -> None:
    with pytest.raises(BenchError):
        put_between_marks(page, "new")
