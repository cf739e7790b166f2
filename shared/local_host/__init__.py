"""The local host: serves Parley's functions with aiohttp where the Core Tools are not installed.

It keeps to what the real host does where that differs from a web framework: route templates, string route parameters,
404 for a wrong method, joined query values, chunked bodies that arrive empty, bare errors, timers, `/admin/functions`.
What Parley's functions do not use it refuses: other triggers, route constraints, functions that are not `async def`.
Development only: no production code imports it.
"""

from shared.local_host.errors import HostError
from shared.local_host.web import build_web_app, runner_for

__all__ = ["HostError", "build_web_app", "runner_for"]
