"""Starts a package with Microsoft's runtime, in a process of its own: `python -I -B start_package.py FOLDER SETTINGS`.

It prints, as JSON, what some functions answered, and what was imported from elsewhere than the package.
"""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
REQUESTS = {  # what is asked of a function, in this order
    "append_anywhere": ("POST", "/api/chat/messages", {"role": "user", "content": "Hello!"}),
    "health": ("GET", "/api/health", None),
    "list_sessions": ("GET", "/api/chat/sessions", None),
    "docs_page": ("GET", "/api/docs", None),
    "openapi": ("GET", "/api/openapi.json", None),
    "app_page": ("GET", "/api/app", None),
    "app_file": ("GET", "/api/app/app.js", None),  # joined from the page's modules and the JavaScript client's
}
PARAMETERS = {"app_file": {"file": "app.js"}}  # what the host reads from the path


async def answers(folder: Path, environment: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """Return each function's status and the beginning of its body."""
    from tests.worker.messages import protos  # noqa: PLC0415 - the package comes first on the path
    from tests.worker.runtime import started  # noqa: PLC0415

    told = {}
    async with started(folder, environment) as runtime:
        for name, (method, path, body) in REQUESTS.items():
            content = None if body is None else protos.TypedData(string=json.dumps(body))
            headers = {"x-user-id": "me", "content-type": "application/json"}
            place = {"url": f"http://localhost{path}", "params": PARAMETERS.get(name)}
            request = protos.RpcHttp(method=method, headers=headers, body=content, **place)
            answer = await runtime.invoke(name, protos.TypedData(http=request))
            http = answer.return_value.http
            told[name] = (int(http.status_code), str(http.body)[:200])
    return told


def from_elsewhere(folder: Path) -> Iterator[str]:
    """Yield what was imported neither from the package nor from Python's own library."""
    for name, module in list(sys.modules.items()):
        path = Path(getattr(module, "__file__", None) or sys.base_prefix).resolve()
        of_python = path.is_relative_to(Path(sys.base_prefix).resolve()) and "site-packages" not in path.parts
        if name != "__main__" and not of_python and not path.is_relative_to(folder.resolve()):
            yield name.split(".")[0]


def main(folder: Path, environment: dict[str, Any]) -> None:
    """Put the package before everything else, as the platform's worker does, and start it."""
    sys.path[:0] = [str(folder), str(folder / ".python_packages" / "lib" / "site-packages")]
    sys.path.append(str(PROJECT))
    told = asyncio.run(answers(folder, environment))
    import azure.identity.aio  # noqa: F401, PLC0415 - what a managed identity needs, compiled parts among it

    print(json.dumps({"answers": told, "from elsewhere": sorted(set(from_elsewhere(folder)))}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
