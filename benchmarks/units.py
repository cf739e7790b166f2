"""Request units by document size: a straight line between Microsoft's published sizes.

Microsoft publishes two sizes (learn: cosmos-db/key-value-store-cost, cosmos-db/request-units): a point
read of 1 KB costs 1 and of 100 KB 10; an insert of 1 KB 5 to 7, taken as 5.5, and of 100 KB 50. A Patch
is charged like a replace of the whole item, and both like two inserts of the resulting item, which is
what Microsoft measured at 1 KB (create 7.2, replace 11.6, patch 10.8). Nothing smaller than 1 KB is
cheaper. This is a model: a live account may charge otherwise.
"""

KILOBYTE = 1024
SMALL_KB, LARGE_KB = 1, 100  # the two published sizes
READ_UNITS = (1.0, 10.0)
INSERT_UNITS = (5.5, 50.0)
QUERY_UNITS = 2.3  # of any query, on top of reading what it returns


def read_units(size_bytes: int) -> float:
    """Units of a point read of an item of that size."""
    return _line(size_bytes, READ_UNITS)


def insert_units(size_bytes: int) -> float:
    """Units of creating an item of that size."""
    return _line(size_bytes, INSERT_UNITS)


def replace_units(size_bytes: int) -> float:
    """Units of replacing or patching an item, by its size afterwards."""
    return 2 * insert_units(size_bytes)


def delete_units(size_bytes: int) -> float:
    """Units of deleting an item of that size."""
    return insert_units(size_bytes)


def query_units(size_bytes: int) -> float:
    """Units of a query that returns that many bytes."""
    return QUERY_UNITS + read_units(size_bytes)


def _line(size_bytes: int, units: tuple[float, float]) -> float:
    kilobytes = max(size_bytes / KILOBYTE, SMALL_KB)
    at_small, at_large = units
    return at_small + (kilobytes - SMALL_KB) * (at_large - at_small) / (LARGE_KB - SMALL_KB)
