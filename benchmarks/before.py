"""The build to compare with, taken out of the repository's own history into a temporary folder."""

import atexit
import functools
import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

COMMIT = "9b93ec4"  # the last one whose rotation carried the previous generation in the head
ROOT = Path(__file__).resolve().parent.parent


@functools.cache
def missing_reason() -> str | None:
    """Tell why the build is not to be had here; None when it is."""
    if shutil.which("git") is None:
        return f"build {COMMIT} is left out: there is no git here"
    if _git("cat-file", "-e", f"{COMMIT}^{{commit}}").returncode:
        return f"build {COMMIT} is left out: this copy of the repository has no history that reaches so far"
    return None


@functools.cache
def root() -> Path:
    """Return a folder with that build's `shared`; it is removed when this process ends.

    Taken out with `git archive` and not as a work tree: a run that is killed leaves nothing in the repository.
    """
    packed = _git("archive", "--format=tar", COMMIT, "shared")
    packed.check_returncode()
    folder = Path(tempfile.mkdtemp(prefix="parley-before-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)  # noqa: S603, S607 - git, by its name
