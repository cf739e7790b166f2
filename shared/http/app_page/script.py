"""Joins JavaScript modules into one script, so that a page starts with one request instead of one for each module.

Each module becomes a function that is called once and returns what it exports. Modules keep to what can be told by
lines: `import {…} from "./x.js";` or `import * as x from "./x.js";`, and `export` before a function, a class or a
const, or `export {…} from "./x.js";`. Anything else that begins with one of the two words is an error. Comments that
document are left out: the sources have them.
"""

import re
from pathlib import Path

_IMPORT = re.compile(r'^import (?P<what>\{[^}]*\}|\* as \w+) from "(?P<file>[\w./-]+)";$', re.MULTILINE)
_REEXPORT = re.compile(r'^export (?P<what>\{[^}]*\}) from "(?P<file>[\w./-]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:(?:async )?function ?\*?|class|const) ?(?P<name>\w+))", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*/\*\*.*?\*/\n+", re.MULTILINE | re.DOTALL)
_OTHER = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)


class ScriptError(Exception):
    """A module cannot be joined with the others."""


def joined(entry: Path) -> str:
    """Return a module and all that it imports as one script, each module once and after those it imports."""
    names: dict[Path, str] = {}
    parts: list[str] = []
    _add(entry.resolve(), names, parts)
    return "\n".join(parts)


def _add(module: Path, names: dict[Path, str], parts: list[str]) -> str:
    """Add a module and what it imports; return the name under which its exports are known."""
    if module in names:
        if not names[module]:
            raise ScriptError(f"{module.name} imports itself by way of others")
        return names[module]
    names[module] = ""
    text = _COMMENT.sub("", module.read_text("utf-8"))
    exports: list[str] = []

    def imported(found: re.Match[str]) -> str:
        source = _add((module.parent / found["file"]).resolve(), names, parts)
        return f"const {found['what'].removeprefix('* as ').replace(' as ', ': ')} = {source};"

    def reexported(found: re.Match[str]) -> str:
        exports.extend(name.split()[-1] for name in found["what"].strip("{} \n").rstrip(",").split(","))
        return imported(found)

    text = _REEXPORT.sub(reexported, _IMPORT.sub(imported, text))
    exports.extend(found["name"] for found in _EXPORT.finditer(text))
    text = _EXPORT.sub("", text)
    if other := _OTHER.search(text):
        raise ScriptError(f"{module.name} says what cannot be joined: {other[0]}")
    names[module] = f"module{len(parts)}"
    exported = f"return {{ {', '.join(exports)} }};"
    parts.append(f"const {names[module]} = (() => {{ // {module.name}\n{text}{exported}\n}})();\n")
    return names[module]
