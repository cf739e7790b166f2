"""What of a process is in memory; imports nothing that would be there because of it."""

import os
from pathlib import Path


def resident_bytes(process_id: int | str) -> int:
    """Return what of a process is in memory, from proc(5); `self` is this one."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
