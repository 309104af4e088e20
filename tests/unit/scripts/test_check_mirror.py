from pathlib import Path, PurePosixPath

import pytest

from scripts.check_mirror import problems, tree

P = PurePosixPath


def test_a_mirrored_tree_has_no_problems() -> None:
    files = [
        P("src/whale/__init__.py"),
        P("src/whale/wire/frames.py"),
        P("src/whale/engine/docker/stream.py"),
        P("src/whale/store/migrations/versions/0001_first.py"),
        P("tests/unit/wire/test_frames.py"),
        P("tests/unit/engine/docker/test_stream.py"),
        P("tests/unit/wire/helpers.py"),
        P("scripts/check_mirror.py"),
        P("tests/unit/scripts/test_check_mirror.py"),
    ]
    assert problems(files) == []


def test_a_source_file_without_a_test_is_named_with_the_test_it_needs() -> None:
    assert problems([P("src/whale/wire/frames.py")]) == [
        "src/whale/wire/frames.py: has no test file of its own; add tests/unit/wire/test_frames.py"
    ]


@pytest.mark.parametrize(
    ("test", "source"),
    [
        ("tests/unit/wire/test_gone.py", "src/whale/wire/gone.py"),
        ("tests/unit/scripts/demo/test_gone.py", "scripts/demo/gone.py"),
    ],
)
def test_a_test_file_without_its_source_is_named(test: str, source: str) -> None:
    assert problems([P(test)]) == [f"{test}: tests nothing of its name; {source} does not exist"]


def test_a_test_in_the_wrong_room_does_not_count() -> None:
    assert len(problems([P("src/whale/wire/frames.py"), P("tests/unit/model/test_frames.py")])) == 2


def test_the_tree_is_read_with_paths_relative_to_the_project(tmp_path: Path) -> None:
    for name in ("src/whale/a.py", "tests/unit/test_a.py", "scripts/s.py", "docs/no.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert sorted(tree(tmp_path)) == [P("scripts/s.py"), P("src/whale/a.py"), P("tests/unit/test_a.py")]
