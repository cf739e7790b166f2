"""`make run-model`: serve Parley with the small model on this machine."""

import os
import sys

from shared.local_host.__main__ import main
from tests.model.launch import running_model
from tests.model.server import NAME

CONTEXT_TOKENS = 2048


def serve() -> int:
    """Start the model, then the local host with its address, as if both had been set by hand."""
    sys.stdout.write("Loading the model …\n")
    with running_model(CONTEXT_TOKENS) as model:
        os.environ["MODEL_ENDPOINT"] = model.endpoint
        os.environ["MODEL_NAME"] = NAME
        os.environ.setdefault("MODEL_CONTEXT_TOKENS", str(CONTEXT_TOKENS))
        os.environ.setdefault("MODEL_MAX_TOKENS", "512")
        return main()


if __name__ == "__main__":
    sys.exit(serve())
