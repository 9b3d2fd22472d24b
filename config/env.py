"""Read a variable of the environment, or stop with one clear sentence."""

import json
import os
from typing import Any
from urllib.parse import urlsplit


class EnvError(Exception):
    """A variable is missing or cannot be understood; the message is one sentence for a person."""


def env_str(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise EnvError(f"{name} must be set.")
    return value


def env_required(name: str) -> str:
    """Return a variable that a server cannot do without; empty is as missing as missing."""
    value = os.environ.get(name, "")
    if not value:
        raise EnvError(f"{name} must be set and must not be empty.")
    return value


def env_json_file(name: str) -> dict[str, Any]:
    """Return the object in the JSON file whose path is in `name`; an unset variable is an empty object.

    :raises EnvError: if the file cannot be read, or holds something else.
    """
    path = os.environ.get(name, "")
    if not path:
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        raise EnvError(f"{name} must name a readable JSON file.") from None
    if not isinstance(found, dict):
        raise EnvError(f"{name} must name a file with one JSON object.")
    return found


def env_bool(name: str, default: bool = False) -> bool:
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise EnvError(f"{name} must be yes or no, not {value!r}.")


def env_int(name: str, default: int) -> int:
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    try:
        return int(value)
    except ValueError:
        raise EnvError(f"{name} must be a whole number, not {value!r}.") from None


def env_url(name: str, default: str | None = None, *, schemes: tuple[str, ...]) -> str:
    """Return the URL in `name`; an empty default is allowed and comes back as it is.

    :raises EnvError: if it is missing, or its scheme or host is not one we can use.
    """
    value = env_str(name, default)
    if value == "" and default == "":
        return value
    parts = urlsplit(value)
    if parts.scheme not in schemes or not parts.hostname:
        raise EnvError(f"{name} must look like {schemes[0]}://host:port/…; check its scheme and host.")
    return value
