"""local.settings.json, the file of the Core Tools: its `Values`, and what is wrong with it."""

import json
from collections.abc import Iterable
from pathlib import Path

NAME = "local.settings.json"
JsonFile = dict[str, object]


class LocalSettings:
    """The settings in the file of a folder; a file that is missing has none. `problems` are sentences."""

    def __init__(self, folder: Path) -> None:
        """Read the file; no value of it is repeated in a problem."""
        self.problems: list[str] = []
        self.values: dict[str, str] = {}
        self._outside: set[str] = set()
        content = self._content(folder / NAME)
        if str(content.get("isencrypted")).lower() == "true":
            remedy = "run `func settings decrypt`, or set IsEncrypted to false and write the values in clear"
            self.problems.append(f"{NAME} is encrypted, which only the Core Tools can read: {remedy}.")
        else:
            self._take(content.pop("values", {}))
            self._outside = {*content, *(name for part in content.values() if isinstance(part, dict) for name in part)}

    def misplaced(self, names: Iterable[str]) -> list[str]:
        """Return a sentence for each of these settings that stands in the file outside `Values`."""
        known = {name.lower(): name for name in names}
        found = sorted(known[name.lower()] for name in self._outside if name.lower() in known)
        return [f"{name} stands outside Values in {NAME}, where it counts for nothing: move it." for name in found]

    def _content(self, path: Path) -> JsonFile:
        """Return the file's object, its names in lower case: the Core Tools take them in any."""
        try:
            content = json.loads(path.read_text("utf-8-sig"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.problems.append(f"{NAME} cannot be read: {error.strerror}.")
            return {}
        except (ValueError, RecursionError) as error:
            place = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            self.problems.append(f"{NAME} cannot be read: it is not JSON in UTF-8{place and ', see ' + place}.")
            return {}
        if isinstance(content, dict):
            return {name.lower(): value for name, value in content.items()}
        self.problems.append(f'{NAME} must hold an object, such as {{"Values": {{"STORE": "sqlite"}}}}.')
        return {}

    def _take(self, values: object) -> None:
        if not isinstance(values, dict):
            rule = 'must be an object of names and texts; write "Values": {} where there is nothing to set'
            self.problems.append(f"Values in {NAME} {rule}.")
            return
        for name, value in values.items():
            if isinstance(value, dict | list):
                rule = 'must be a text: write one name for each setting, and JSON as a text such as "{\\"web\\": 60}"'
                self.problems.append(f"{name} in {NAME} {rule}.")
            elif value is not None:
                self.values[name] = str(value)
