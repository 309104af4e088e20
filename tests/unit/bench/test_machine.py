from bench.machine import commit, processor


def test_the_processor_is_read_from_the_kernels_table() -> None:
    assert processor("processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nflags : x\n") == "Some CPU @ 3 GHz"


def test_a_machine_that_does_not_name_it_says_its_architecture() -> None:
    assert processor("processor : 0\n")


def test_the_commit_is_short_or_not_known() -> None:
    assert len(commit().partition(" ")[0]) in (0, 12)
