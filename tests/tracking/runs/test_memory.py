import sys

import pytest

from companion.tracking.runs.memory import PeakMemory

MIB = 2**20


def take(n_mib):
    """Take memory and use it: pages that are never written are not counted."""
    block = bytearray(n_mib * MIB)
    block[::4096] = b"x" * len(block[::4096])


def measure(block):
    memory = PeakMemory()
    memory.start()
    block()
    return memory.stop()


def test_the_peak_counts_what_was_freed_again():
    least = measure(lambda: take(1))

    assert measure(lambda: take(300)) > least + 200


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of the process there")
def test_a_block_does_not_count_what_the_block_before_took():
    large = measure(lambda: take(300))

    assert measure(lambda: take(1)) < large - 200


def test_a_block_counts_what_the_blocks_inside_it_take():
    inner_peaks = []

    outer_peak = measure(
        lambda: inner_peaks.extend([measure(lambda: take(300)), measure(lambda: 0)])
    )

    assert outer_peak >= inner_peaks[0]
