from scripts.error_reference import page, table, with_table
from whale.model.outcomes import OUTCOMES, Outcome


def test_a_code_is_one_row_of_the_table() -> None:
    assert page({"a.b": Outcome(404, 4404, 125, "it is not there")}).endswith(
        "| --- | --- | --- | --- | --- |\n| `a.b` | 404 | 4404 | 125 | it is not there |\n"
    )


def test_the_page_has_every_code() -> None:
    text = page(OUTCOMES)
    assert all(f"| `{code}` |" in text for code in OUTCOMES)


def test_a_table_within_a_text_is_made_anew() -> None:
    old, new = {"a.b": Outcome(404, 4404, 125, "old")}, {"c": Outcome(500, 4500, 125, "new")}
    text = f"before\n\n{table(old)}\nafter\n\nmore\n"
    assert with_table(text, new) == f"before\n\n{table(new)}\nafter\n\nmore\n"
    assert with_table(text, old) == text
