"""Policies are found where they are, whatever their strings and comments hold."""

from whale.policy.source import PolicyFile, split_statements


def lines(text: str) -> list[tuple[int, str]]:
    return [(statement.line, statement.text) for statement in split_statements(PolicyFile("x.cedar", text))]


def test_each_policy_and_its_line() -> None:
    text = '// first\n\npermit(principal, action, resource);\n\n@id("b")\nforbid(\n  principal,\n  action, resource);'
    assert lines(text) == [
        (3, "permit(principal, action, resource);"),
        (5, '@id("b")\nforbid(\n  principal,\n  action, resource);'),
    ]


def test_a_semicolon_in_a_string_or_a_comment_ends_nothing() -> None:
    text = 'permit(a) when { x == "a;\\";b" // ; not here "\n};\npermit(b);'
    assert [text for _, text in lines(text)] == ['permit(a) when { x == "a;\\";b" // ; not here "\n};', "permit(b);"]


def test_what_is_unfinished_is_kept_for_cedar_to_refuse() -> None:
    assert lines("permit(a);\npermit(b") == [(1, "permit(a);"), (2, "permit(b")]
    assert lines('permit("a;\n//b;') == [(1, 'permit("a;')], "a quote that nothing ends"
    assert lines("// nothing\n \n") == []


def test_a_comment_ends_where_cedar_ends_it() -> None:
    """Else a policy behind it would be left out in silence."""
    assert [text for _, text in lines("// old line ends\rforbid(a);\rpermit(b);")] == ["forbid(a);", "permit(b);"]


def test_says_where() -> None:
    assert split_statements(PolicyFile("team.cedar", "\n;"))[0].place == "team.cedar:2"
