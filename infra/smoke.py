"""Asks a deployment whether it answers, and says how to use it; `azd` runs this when it has deployed.

PARLEY_URL and PARLEY_KEY_COMMAND are outputs of infra/main.bicep, which azd hands on.
"""

import json
import os
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

PATIENCE_SECONDS = 180  # the first start of a new app, with roles that have just been given, takes a minute or two
PAUSE_SECONDS = 5
ANSWER_SECONDS = 30

SAID = """\
Parley {version} answers on {url}, its store is {store}.
  All of the API, to read and to try:  {url}/api/docs
  The function key:                    {key}
  A first message:
    curl -s {url}/api/chat/messages -H "x-functions-key: $({key})" -H 'x-user-id: me' \\
      -H 'content-type: application/json' -d '{{"content": "Hello!", "role": "user"}}'"""


def main() -> int:
    """Return 0 when the deployment is healthy, 1 when it is not in time, 2 without its address."""
    url = os.environ.get("PARLEY_URL", "").rstrip("/")
    if not url:
        print("PARLEY_URL is missing: run `azd provision`, or set it to the app's address.", file=sys.stderr)
        return 2
    try:
        health = wait(url, float(os.environ.get("PARLEY_PATIENCE_SECONDS", PATIENCE_SECONDS)))
    except TimeoutError as error:
        print(error, file=sys.stderr)
        return 1
    key = os.environ.get("PARLEY_KEY_COMMAND", "az functionapp keys list …")
    print(SAID.format(url=url, key=key, version=health.get("version", "?"), store=health.get("store", "?")))
    return 0


def wait(url: str, seconds: float) -> dict[str, object]:
    """Return what health says, once it says ok; raise TimeoutError with the last answer when it does not in time."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urlopen(f"{url}/api/health", timeout=ANSWER_SECONDS) as answer:
                return dict(json.load(answer))
        except (URLError, OSError, ValueError) as error:
            if time.monotonic() + PAUSE_SECONDS > end:
                message = f"{url}/api/health does not answer as it should ({error}); docs/deploy.md says where to look."
                raise TimeoutError(message) from error
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
