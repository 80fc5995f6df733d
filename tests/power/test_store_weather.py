"""The journal in every weather (I20, I21, I23); the harness is `tilld_testkit.weather`.

Each test prints how many states it looked at (``pytest -s``) and fails when there were fewer than
it claims, so that a story that grows shorter is noticed.
"""

import pytest

from tilld_testkit.weather import (
    LARGE,
    deaths,
    errors,
    flips,
    lying,
    mutant_of_journal,
    mutant_of_reader,
    mutant_of_store,
    one_cut,
    story,
    two_cuts,
)

APPENDS = [step for step in story(6, 9) if step.verb == "append"]


def clear(report, at_least):
    print(f"{report.states} states")
    assert report.wrong == []
    assert report.states >= at_least


@pytest.mark.parametrize("seed", range(1, 7))
def test_no_cut_at_any_byte_of_any_write_loses_or_invents_a_record(seed):
    clear(one_cut(story(seed, 18)), 3_000)


@pytest.mark.parametrize("seed", range(21, 26))
def test_no_cut_at_any_point_of_a_compaction_loses_or_invents_a_record(seed):
    clear(one_cut(story(seed, 18, compact_at=(5, 9, 13))), 4_000)


@pytest.mark.parametrize("seed", range(31, 36))
def test_no_second_cut_during_recovery_or_behind_it_does_either(seed):
    clear(two_cuts(story(seed, 6, compact_at=(4,)), story(seed + 10, 3, compact_at=(1,))), 2_000)


@pytest.mark.parametrize("seed", range(41, 47))
def test_no_two_cuts_put_half_of_a_large_lost_record_together_again(seed):
    told, then = story(seed, 4, (3,), LARGE), story(seed + 7, 3, (1,), LARGE)
    clear(one_cut(told), 700)
    clear(two_cuts(told, then), 1_000)
    clear(lying(told, then), 300)


@pytest.mark.parametrize("seed", range(51, 55))
def test_no_mark_is_lost_when_only_the_process_dies(seed):
    clear(deaths(story(seed, 25, compact_at=(8, 17))), 40)


@pytest.mark.parametrize("seed", range(61, 65))
def test_behind_a_lying_device_nothing_is_invented_and_a_gap_is_reported(seed):
    clear(lying(story(seed, 5), story(seed + 10, 6, compact_at=(3,))), 500)


@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EROFS", "short"])
@pytest.mark.parametrize("seed", [71, 72])
def test_after_any_failed_call_recovery_tells_only_what_is_on_flash(name, seed):
    clear(errors(story(seed, 20, compact_at=(6, 13)), name), 60)


def test_every_single_bit_is_harmless_or_reported_in_head_frames_copies_and_what_lies_behind():
    clear(flips(APPENDS, 0, [range(100), range(4096, 2 * 4096)]), 30_000)


def test_every_single_bit_of_a_snapshot_is_harmless_or_reported():
    told = story(7, 9, compact_at=(8,))
    clear(flips(told, 1, [range(100), range(4096, 4096 + 2500)]), 20_000)


# A harness that cannot fail proves nothing: these stores are known to be bad.

CONTROLS = {
    "an append without a flush": mutant_of_store(
        "        self._flush(self._segment)\n        self._tail = write.tail\n",
        "        self._tail = write.tail\n",
    ),
    "a journal with its CRC check removed": mutant_of_journal(
        "    if checksum != header[6]:\n        return None\n", ""
    ),
    "a compaction whose head is not preceded by a flush": mutant_of_store(
        "        self._flush(other)\n        self._write(other, 0, journal.head_page(head))\n",
        "        self._write(other, 0, journal.head_page(head))\n",
    ),
    "a generation that keeps its salt": mutant_of_store(
        "journal.Head(tail.generation + 1, self._salt(), 0)",
        "journal.Head(1, tail.salt, 0)",
    ),
    "an append that takes the copy's place for its own": mutant_of_journal(
        "    at = place(tail.offset, 2 * len(frame))\n    end = at + len(frame)\n    after",
        "    at = place(max(PAGE, tail.offset - 8), 2 * len(frame))\n"
        "    end = at + len(frame)\n    after",
    ),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_the_harness_catches(name):
    wrong = one_cut(story(2, 12, compact_at=(5, 9)), CONTROLS[name]).wrong
    print(*wrong[:3], sep="\n")
    assert wrong


def test_the_harness_catches_a_recovery_that_leaves_what_was_torn():
    untidy = mutant_of_reader("            self._clear_behind(tail)\n", "            pass\n")
    for seed in range(41, 47):
        told, then = story(seed, 4, (3,), LARGE), story(seed + 7, 3, (1,), LARGE)
        wrong = two_cuts(told, then, untidy).wrong
        if wrong:
            break
    print(*wrong[:3], sep="\n")
    assert wrong


def test_the_harness_catches_a_recovery_that_does_not_write_the_last_record_again():
    forgetful = mutant_of_store(
        "        for offset, data in found.repairs:\n"
        "            self._write(self._segment, offset, data)\n",
        "",
    )
    wrong = errors(story(71, 20), "EIO", forgetful).wrong
    print(*wrong[:3], sep="\n")
    assert wrong
