"""Facts about how this process was started, and templates over them.

A fact is an environment variable, or `framework:name` from a framework that the script has
imported itself, asked through its public context. Nothing is imported, nothing is awaited.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from stepsight._frameworks import READERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["FILTERS", "Facts"]

_FIELD = re.compile(r"\{([^{}|]+)(?:\|(\w+))?\}")


class Facts:
    """What can be known about the start of a process; frameworks are asked once, when needed."""

    def __init__(
        self,
        environ: Mapping[str, str],
        modules: Mapping[str, Any] | None = None,
        argv: Sequence[str] | None = None,
    ) -> None:
        self.environ = environ
        self.modules: Mapping[str, Any] = sys.modules if modules is None else modules
        self.argv: Sequence[str] = getattr(sys, "argv", []) if argv is None else argv
        self._told: dict[str, Mapping[str, Any]] = {}

    def get(self, name: str) -> str:
        """A fact as text; empty if nobody tells."""
        framework, separator, key = name.partition(":")
        if not separator:
            return self.environ.get(name, "")
        if framework not in self._told:
            self._told[framework] = self._ask(framework)
        value = self._told[framework].get(key)
        return "" if value is None else str(value)

    def fill(self, template: str) -> str:
        """The template with every fact in place; empty if one is missing."""
        missing = False

        def value(match: re.Match[str]) -> str:
            nonlocal missing
            text = self.get(match.group(1))
            if text and match.group(2):
                text = _filtered(match.group(2), text)
            missing = missing or not text
            return text

        filled = _FIELD.sub(value, template)
        return "" if missing else filled

    def _ask(self, framework: str) -> Mapping[str, Any]:
        try:
            return READERS[framework](self.modules, self.environ, self.argv)
        except Exception:  # noqa: BLE001 - outside of a run they raise whatever they like
            return {}


def _filtered(name: str, text: str) -> str:
    try:
        return FILTERS[name](text)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return ""


def _plus1(text: str) -> str:
    return str(int(text) + 1)


def _template(text: str) -> Any:
    import json

    return json.loads(text)


def _template_image(text: str) -> str:
    template = _template(text)
    image = str((template.get("container") or template.get("script"))["image"])
    # Kubeflow Pipelines puts a placeholder into its template and the image into a patch of it.
    return "" if "should-be-overridden" in image else image


def _http(text: str) -> str:
    # An address that people may open; one with a password in it is none.
    is_open = text.startswith(("http://", "https://")) and "@" not in text.partition("://")[2]
    return text.rstrip("/") if is_open else ""


# Name in a template, and what it makes of a fact; an error makes the fact a missing one.
FILTERS: dict[str, Callable[[str], str]] = {
    "dots": lambda text: text.replace("/", "."),
    "plus1": _plus1,
    "http": _http,
    "given": lambda text: "" if text == "none" else text,
    "workflow": lambda text: text if not text.rpartition("-")[2].isdigit() else _before(text),
    "template_name": lambda text: str(_template(text)["name"]),
    "template_image": _template_image,
    "flow": lambda text: text.split("/")[0],
    "flow_run": lambda text: text.split("/")[1],
    "flow_step": lambda text: text.split("/")[2],
}


def _before(text: str) -> str:
    return text.rpartition("-")[0] or text
