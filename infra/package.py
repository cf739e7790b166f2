"""Builds what is deployed, in build/functions: the app, and its packages for the Python that runs it on Azure.

`azd` runs it before it packages, and so does `make package`. Nothing is built on Azure: its build has its own idea of
the Python to build for, and packages with compiled parts are bound to one. What is built runs on no other system than
Azure's, but it can be built on any.
"""

import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "build" / "functions"
PACKAGES = Path(".python_packages", "lib", "site-packages")  # where the Functions host looks for them
RUNTIME = "3.13"  # as in infra/functions.bicep
PLATFORM = "x86_64-manylinux_2_28"  # Flex Consumption's images have a newer glibc than this one's 2.28

APP = ("function_app.py", "host.json", "requirements.txt", "shared", "clients/javascript/src")
NOT_THE_APP = ("shared/local_host", "shared/migrate", "shared/openapi")
NOT_DEPLOYED = {"pytest"}  # in requirements.txt because it is in the customer's list; the app never imports it
UV = "uv>=0.9,<1"  # installs for another system and another Python than its own, which pip cannot do in full
MEGABYTE = 1_000_000


def main() -> int:
    """Build the package and print its size."""
    build(TARGET)
    for line in report(TARGET):
        print(line)
    return 0


def build(target: Path) -> None:
    """Make the folder anew: the app's files, and the packages of requirements.txt but for those left out."""
    shutil.rmtree(target, ignore_errors=True)
    for path in app_files():
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, place)
    requirements = target / "requirements.txt"
    requirements.write_text("\n".join(deployed_requirements()) + "\n", encoding="utf-8")
    install(requirements, target / PACKAGES)


def app_files() -> Iterator[Path]:
    """Yield the files of the app, relative to the project: no tests, no commands, nothing that Python has compiled."""
    for name in APP:
        found = ROOT / name
        for path in sorted(found.rglob("*")) if found.is_dir() else [found]:
            relative = path.relative_to(ROOT)
            left_out = any(relative.is_relative_to(folder) for folder in NOT_THE_APP)
            if path.is_file() and not left_out and "__pycache__" not in relative.parts and path.suffix != ".pyc":
                yield relative


def deployed_requirements() -> list[str]:
    """Return the lines of requirements.txt that are deployed."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return [line for line in wanted if re.split(r"[^A-Za-z0-9_.-]", line)[0].lower() not in NOT_DEPLOYED]


def install(requirements: Path, packages: Path) -> None:
    """Install wheels for the runtime's Python and system; a package without one is refused rather than built here."""
    command = [*uv(), "pip", "install", "--quiet", "--no-config", "--no-build", "--no-compile-bytecode"]
    place = ["--target", str(packages), "--python-version", RUNTIME, "--python-platform", PLATFORM]
    subprocess.run([*command, *place, "--requirement", str(requirements)], check=True)
    for needless in (packages / "bin", *packages.glob("*/tests")):  # commands and tests that nobody runs there
        shutil.rmtree(needless, ignore_errors=True)
    (packages / ".lock").unlink(missing_ok=True)


def uv() -> list[str]:
    """Return the command of uv: the one that is there, else one in an environment of its own."""
    if found := shutil.which("uv"):
        return [found]
    place = ROOT / "build" / "tools"
    python = place / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not (place / "ready").exists():
        venv.create(place, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV], check=True)
        (place / "ready").touch()
    return [str(python), "-m", "uv"]


def report(target: Path) -> Iterator[str]:
    """Say how large the package is unpacked, and what is largest in it."""
    whole, packages = size(target), target / PACKAGES
    yield f"{target}: {whole / MEGABYTE:.1f} MB unpacked, for Python {RUNTIME}"
    yield f"  {(whole - size(packages)) / MEGABYTE:5.1f} MB  Parley"
    largest = sorted(packages.iterdir(), key=size, reverse=True)[:5]
    yield from (f"  {size(path) / MEGABYTE:5.1f} MB  {path.name}" for path in largest)


def size(path: Path) -> int:
    """Return the bytes of a file, or of all that a folder holds."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


if __name__ == "__main__":
    sys.exit(main())
