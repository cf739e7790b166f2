"""The script that lets users sign in, with stand-ins for `az` and `azd` that write down what they are asked."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from shared.settings import PROJECT_ROOT

SH = shutil.which("sh")
AZD = """#!/bin/sh
echo "azd $*" >> "$CALLS"
case "$*" in
    "env get-value PARLEY_URL") echo https://parley.example ;;
    "env get-value IDENTITY_PRINCIPAL_ID") echo the-identity ;;
    "env get-value AZURE_ENV_NAME") echo dev ;;
esac
"""
AZ = """#!/bin/sh
echo "az $*" >> "$CALLS"
case "$*" in
    "account show"*) echo the-tenant ;;
    "ad app list"*) [ -z "$THERE" ] || echo the-client ;;
    "ad app create"*) echo the-client ;;
    "ad app federated-credential list"*) [ -z "$THERE" ] || echo the-credential ;;
    "ad app federated-credential create"*) shift 9; echo "$1" > "$CALLS.json" ;;
esac
"""

pytestmark = pytest.mark.skipif(SH is None, reason="there is no sh to run the script with")


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Put the stand-ins in place, and name the file of what they were asked."""
    for name, script in (("az", AZ), ("azd", AZD)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    return tmp_path / "calls"


def sign_in(calls: Path, *, there: bool) -> list[str]:
    environment = {"PATH": f"{calls.parent}:/usr/bin:/bin", "CALLS": str(calls), "THERE": "yes" if there else ""}
    command = [str(SH), str(PROJECT_ROOT / "infra" / "sign-in.sh")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return calls.read_text().splitlines()


def test_a_registration_is_made_that_trusts_the_apps_identity_and_has_no_secret(calls: Path) -> None:
    asked = sign_in(calls, there=False)
    credential = json.loads(Path(f"{calls}.json").read_text())

    assert credential["subject"] == "the-identity"
    assert credential["issuer"] == "https://login.microsoftonline.com/the-tenant/v2.0"
    assert any("--web-redirect-uris https://parley.example/.auth/login/aad/callback" in call for call in asked)
    assert asked[-1] == "azd env set AUTH_CLIENT_ID the-client"
    assert not [call for call in asked if "password" in call or "credential reset" in call]


def test_run_again_it_makes_nothing_anew(calls: Path) -> None:
    asked = sign_in(calls, there=True)

    assert not [call for call in asked if "create" in call]
    assert asked[-1] == "azd env set AUTH_CLIENT_ID the-client"
