"""An import's memory does not grow with its file."""

import pytest

from .measure import measure

MORE_AT_MOST_MIB = 28  # SQLite's own two caches fill up to 16 and 2 MiB; the records themselves would be 50


@pytest.mark.slow
def test_ten_times_the_messages_take_hardly_more_memory() -> None:
    few, many = measure(2_000), measure(20_000)

    assert many.peak_mib - few.peak_mib < MORE_AT_MOST_MIB
