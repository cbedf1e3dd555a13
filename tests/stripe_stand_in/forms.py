"""The form in which the client sends parameters: `a[b][0]=c`, all of them texts."""

from typing import Any
from urllib.parse import parse_qsl


class NotAForm(ValueError):
    """The parameters contradict each other."""


def parse(text: str) -> dict[str, Any]:
    """Nested dicts; what has only numbers as names is a list."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        first, *rest = name.split("[")
        steps = [first, *(step.rstrip("]") for step in rest)]
        node = root
        for step in steps[:-1]:
            inner = node.setdefault(step, {})
            if not isinstance(inner, dict):
                raise NotAForm(name)
            node = inner
        last = steps[-1] or str(len(node))
        if isinstance(node.get(last), dict):
            raise NotAForm(name)
        node[last] = value
    return {name: _listed(value) for name, value in root.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(each) for name, each in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
