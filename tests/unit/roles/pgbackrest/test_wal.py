"""A file that is missing in the archive is seen, which pgBackRest itself is content with."""

from __future__ import annotations

import pytest

from tests.unit.roles.pgbackrest.program import wal

DIGEST = "0123456789abcdef0123456789abcdef01234567"


def file(number: int, timeline: int = 1) -> wal.File:
    return wal.File(timeline, number)


def files(*numbers: int, timeline: int = 1) -> list[wal.File]:
    return [file(number, timeline) for number in numbers]


def told(found: list[wal.Gap]) -> list[tuple[int, int]]:
    return [(gap.first.number, gap.last.number) for gap in found]


def test_names_count_on_from_one_log_to_the_next() -> None:
    last, first = "0000000100000000000000FF", "000000010000000100000000"
    assert wal.File.of(first).number == wal.File.of(last).number + 1
    assert [str(wal.File.of(name)) for name in (last, first)] == [last, first]


def test_only_whole_files_of_the_log_count() -> None:
    paths = [
        f"0000000100000000/000000010000000000000002-{DIGEST}.zst",
        f"0000000100000000/000000010000000000000001-{DIGEST}",
        f"0000000100000000/000000010000000000000003.partial-{DIGEST}.zst",
        f"0000000100000000/000000010000000000000002.00000028.backup-{DIGEST}",
        "00000002.history",
        "0000000100000000",
    ]
    assert [found.number for found in wal.archived(paths)] == [1, 2]


@pytest.mark.parametrize(
    ("there", "gaps"),
    [
        (files(3, 4, 5), []),
        (files(3, 5, 6), [(4, 4)]),
        (files(3, 7, 8, 10), [(4, 6), (9, 9)]),
        # The backup itself can't be restored without its own.
        (files(5, 6), [(3, 4)]),
        # What is older than the oldest backup was expired.
        (files(1, 3, 4), []),
        ([], []),
        # A restore to the middle of the fifth file began a new timeline.
        (files(3, 4, 5, 6) + files(5, 6, 7, timeline=2), []),
        (files(3, 4, 5) + files(7, 8, timeline=2), [(6, 6)]),
        # Another restore led back to the end of the first timeline.
        (files(3, 4, 5, 6, 7) + files(4, 5, timeline=2) + files(7, 8, timeline=3), []),
        (files(3, 4, 5, 6, 7) + files(4, 5, timeline=2) + files(8, 9, timeline=3), []),
        (files(3, 4, 5, 6, 7) + files(4, 5, timeline=2) + files(9, timeline=3), [(8, 8)]),
        # Each timeline has to be whole in itself.
        (files(3, 4, 5, 6, 7) + files(4, 6, timeline=2) + files(7, timeline=3), [(5, 5)]),
    ],
)
def test_what_is_missing_since_the_oldest_backup(there: list[wal.File], gaps: list[tuple[int, int]]) -> None:
    assert told(wal.gaps(there, file(3))) == gaps


def test_what_lies_on_timelines_before_the_oldest_backup_is_no_concern() -> None:
    there = files(3, 9, 10) + files(5, 6, timeline=2)
    assert wal.gaps(there, file(5, timeline=2)) == []


HISTORY = "1\t0/5000028\tno recovery target specified\n\n2\t1/200000A0\tno recovery target specified\n"


def test_a_history_tells_where_each_timeline_began() -> None:
    assert wal.way(HISTORY, 3) == {1: 0, 2: 5, 3: 256 + 32}
    assert wal.way("", 1) == {1: 0}
    # Of a timeline without its file nobody knows.
    assert wal.way("", 2) == {}


@pytest.mark.parametrize(
    ("there", "begins", "gaps"),
    [
        # A failover in the middle of the fifth file.
        (files(3, 4) + files(5, 6, timeline=2), {1: 0, 2: 5}, []),
        # What the former primary had archived of it counts for nothing.
        (files(3, 4, 5, 6) + files(5, 6, timeline=2), {1: 0, 2: 5}, []),
        (files(3, 4, 5, 6) + files(6, 7, timeline=2), {1: 0, 2: 5}, [file(5, 2)]),
        # It had not archived its last one.
        (files(3) + files(5, 6, timeline=2), {1: 0, 2: 5}, [file(4)]),
        (files(3) + files(6, 7, timeline=2), {1: 0, 2: 5}, [file(4), file(5, 2)]),
        # Two failovers within a file.
        (files(3, 4) + files(5, timeline=3), {1: 0, 2: 5, 3: 5}, []),
        (files(3, 4) + files(6, timeline=3), {1: 0, 2: 5, 3: 5}, [file(5, 3)]),
        (files(3, 4) + files(7, timeline=3), {1: 0, 2: 5, 3: 7}, [wal.Gap(file(5, 2), file(6, 2))]),
        # What a restore has left lies on no way, however far it went.
        (files(3, 4, 5) + files(5, 6, 7, 8, timeline=2) + files(8, 9, timeline=3), {1: 0, 3: 7}, [file(6), file(7, 3)]),
        # Nothing is archived of the new timeline yet.
        (files(3, 4), {1: 0, 2: 9}, []),
    ],
)
def test_what_is_missing_where_a_timeline_is_known_to_begin(
    there: list[wal.File], begins: dict[int, int], gaps: list[wal.File | wal.Gap]
) -> None:
    expected = [one if isinstance(one, wal.Gap) else wal.Gap(one, one) for one in gaps]
    assert wal.gaps(there, file(3), begins) == expected


def test_a_backup_of_a_timeline_that_was_left_lacks_nothing_of_the_present_way() -> None:
    there = files(5, 6, timeline=2) + files(5, 6) + files(7, 8, timeline=3)
    assert wal.gaps(there, file(5, timeline=2), {1: 0, 3: 7}) == []
