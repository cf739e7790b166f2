"""Request units as others measured them on a live account, beside the straight line of `units.py`.

Source: CosmosSQLCalipers (github.com/deepub/CosmosSQLCalipers, all_consistency_levels_07012020): one region, no path
indexed but the partition key, whole units. Its sizes are those of a payload, beside 0.35 KB of other fields. What lies
between two sizes is taken from the straight line between them. Under 1 KB: Microsoft's capacity planner (a create 5.71,
a replace 10.67). A Patch is taken as a replace: nobody has published one above 1 KB. A query: 2.82 units (the SDK's
team, azure-cosmos-dotnet-v3#4369), 0.047 an item and 0.023 a KB loaded (derived). An index term: 0.6 (derived from
Microsoft's model by number of properties, and from MicrosoftLearning/dp-420-cosmos-db-dev#29).
"""

from collections.abc import Sequence
from itertools import pairwise

KILOBYTE = 1024
Points = Sequence[tuple[float, float]]  # KB of the whole item, units
CREATE: Points = ((0, 5.71), (1.35, 7), (5.35, 8), (10.35, 10), (50.35, 24), (100.35, 49), (200.35, 99), (400.35, 186))
REPLACE: Points = (
    (0, 10.67),
    (1.35, 13),
    (5.35, 14),
    (10.35, 19),
    (50.35, 46),
    (100.35, 97),
    (200.35, 197),
    (400.35, 370),
)
READ: Points = ((0, 1), (5.35, 1), (10.35, 2), (50.35, 5), (100.35, 10), (200.35, 20), (400.35, 41))
QUERY, QUERIED_ITEM, QUERIED_KB = 2.82, 0.047, 0.023
REFUSED = 1.0  # 404, 409, 412; of these only the first was ever published: 1 to 1.38
INDEX_TERM = 0.6


def read_units(size_bytes: int) -> float:
    """Units of a point read of an item of that size."""
    return _between(size_bytes, READ)


def create_units(size_bytes: int) -> float:
    """Units of creating an item of that size, or of deleting it, without what its index terms cost."""
    return _between(size_bytes, CREATE)


def replace_units(size_bytes: int) -> float:
    """Units of replacing or patching an item, by its size afterwards, without what its index terms cost."""
    return _between(size_bytes, REPLACE)


def query_units(items: int, size_bytes: int) -> float:
    """Units of a query in one partition that loads so many items of that size together."""
    return QUERY + items * QUERIED_ITEM + size_bytes / KILOBYTE * QUERIED_KB


def _between(size_bytes: int, points: Points) -> float:
    """Follow the line between the two points around a size; above the last one it goes on as before."""
    kilobytes = size_bytes / KILOBYTE
    for (start, low), (end, high) in pairwise(points):
        if kilobytes <= end or end == points[-1][0]:
            return low + (kilobytes - start) * (high - low) / (end - start)
    raise AssertionError
