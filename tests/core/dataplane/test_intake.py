"""A result counts once, and never after its worker was fenced off."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dranspose.dataplane.intake import REMEMBERED, Intake, Verdict

WORKERS = st.sampled_from(["a", "b"])


@given(st.lists(st.tuples(WORKERS, st.integers(0, 3), st.integers(0, 2)) | WORKERS))
def test_each_result_of_a_worker_that_is_not_fenced_off_is_taken_once(
    story: list[tuple[str, int, int] | str],
) -> None:
    intake = Intake()
    taken: set[tuple[str, int, int]] = set()
    fenced: set[str] = set()
    for happened in story:
        if isinstance(happened, str):
            intake.fence(happened)
            fenced.add(happened)
        elif happened[0] in fenced:
            assert intake.judge(*happened) is Verdict.FENCED
        else:
            assert intake.judge(*happened) is (Verdict.TWICE if happened in taken else Verdict.TAKEN)
            taken.add(happened)


def test_the_latest_results_are_remembered_and_no_more_than_twice_as_many() -> None:
    intake = Intake()
    for event in range(3 * REMEMBERED):
        assert intake.judge("a", event, 0) is Verdict.TAKEN
        if event >= REMEMBERED:
            assert intake.judge("a", event - REMEMBERED + 1, 0) is Verdict.TWICE
    assert intake.judge("a", 0, 0) is Verdict.TAKEN
