"""Clients that were made, and used, before a fork: parent and children keep apart."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from parley_client import Parley

from tests.clients.conftest import contents
from tests.clients.test_conversation_failures import CLIENT
from tests.clients.weather import Weather
from tests.cosmos.proxy import answers, passes
from tests.tiers import slow_but

CHILDREN = 3
TIMES = 30

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="nothing forks on Windows"),
    pytest.mark.parametrize("store_name", ["sqlite"], indirect=True),  # the store has no part in it
]

ASKING = f"""
import asyncio, os, sys
from parley_client import AsyncParley, ConversationManager, DatabaseService, Parley

url, kind, customer = sys.argv[1:]
parley, async_parley = Parley(url), AsyncParley(url)
manager = ConversationManager(parley, wait_seconds=20)
loop = asyncio.new_event_loop()

async def of_parley(user, _):
    return parley.speaking_for(user).create_session()["user_id"]

async def of_async_parley(user, _):
    return (await async_parley.speaking_for(user).create_session())["user_id"]

async def of_manager(user, _):
    document = manager.create_conversation_document(user, "s")
    manager.add_message_to_conversation(document, "user", user)
    assert manager.save_conversation(document)
    return manager.get_conversation(document["id"], user)["messages"][0]["content"]

async def of_service(user, number):
    service = DatabaseService(async_parley, user=user, strict=True)
    await service.log_conversation({{"session_id": f"s{{number}}", "message_type": "user", "content": user}})
    return (await service.get_conversation_logs(f"s{{number}}"))[0]["content"]

async def wrong(user, times):
    return sum([await globals()[f"of_{{kind}}"](user, number) != user for number in range(times)])

before = loop.run_until_complete(wrong(customer, 1))
children = []
for number in range({CHILDREN}):
    child = os.fork()
    if not child:
        try:
            os._exit(asyncio.run(wrong(f"{{customer}}-{{number}}", {TIMES})))
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(99)
    children.append(child)
mine = loop.run_until_complete(wrong(f"{{customer}}-parent", {TIMES}))
print(before, mine, *(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
loop.run_until_complete(async_parley.close())
"""


KINDS = {kind: kind for kind in ("parley", "async_parley", "manager", "service")}


@pytest.mark.parametrize("kind", slow_but(KINDS, "manager", "service"))  # which stand on the other two
def test_a_child_asks_on_connections_of_its_own_and_gets_its_own_answers(
    kind: str, weather: Weather, customer: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ASKING, weather.url, kind, customer],
        env={"PYTHONPATH": str(CLIENT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (ended.stdout, ended.stderr) == ("0 0 0 0 0\n", "")
    assert weather.connections == 1 + CHILDREN


WAITING = """
import os, signal, sys, threading
from parley_client import ConversationManager, Parley

signal.alarm(30)  # a lock that is never let go ends the process
manager = ConversationManager(Parley(sys.argv[1]))

def say(word):
    document = manager.create_conversation_document(sys.argv[2], "s")
    manager.add_message_to_conversation(document, "user", word)
    return manager.save_conversation(document)

print(say("of the parent"), manager.waiting, flush=True)
input()
at_the_fork, forked = threading.Event(), threading.Event()

def busy():  # holding the outbox when the fork comes
    with manager._outbox.mutex:
        at_the_fork.set()
        forked.wait()

threading.Thread(target=busy).start()
at_the_fork.wait()
if not (child := os.fork()):
    signal.alarm(20)
    print(manager.waiting, manager.flush(0), say("of the child"), manager.flush(5), flush=True)
    os._exit(0)
forked.set()
os.waitpid(child, 0)
input()
print(manager.waiting, manager.flush(20), manager.waiting, flush=True)
"""


def _all_said(parley: Parley) -> list[str]:
    return [content for session in parley.sessions() for content in contents(parley.messages(session["id"]))]


@contextmanager
def talking_to(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script that reads and writes lines, and end it with the block."""
    command = [sys.executable, "-c", script, *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env={"PYTHONPATH": str(CLIENT)}, text=True, bufsize=1, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def test_what_waits_is_stored_by_the_process_in_which_it_was_saved(
    weather: Weather, parley: Parley, customer: str
) -> None:
    weather.on_all(answers(503, retry_after="30"))  # long enough that the parent does not try by itself meanwhile
    with talking_to(WAITING, weather.url, customer) as process:
        assert process.stdin
        assert process.stdout
        saved = process.stdout.readline()
        weather.calm()
        sent = weather.on("POST", "/messages", passes, times=None)
        process.stdin.write("\n")
        child = process.stdout.readline()
        of_the_child = _all_said(parley)
        process.stdin.write("\n")
        parent = process.stdout.readline()

    assert (saved, child, parent) == ("False 1\n", "0 True True True\n", "1 True 0\n")
    assert of_the_child == ["of the child"]
    assert sorted(_all_said(parley)) == ["of the child", "of the parent"]
    assert sent.met == 2
