"""Web apps are made at every start of a router or the service; their rules' code but once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from werkzeug.routing import Rule

_compile = Rule._compile_builder
_compiled: dict[tuple[object, ...], Callable[..., tuple[str, str]]] = {}


@contextmanager
def compiled_once() -> Iterator[None]:
    """In the block a rule's function that builds an address is taken from an equal rule."""
    setattr(Rule, _compile.__name__, _compile_once)
    try:
        yield
    finally:
        setattr(Rule, _compile.__name__, _compile)


def _compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    # All that the function is made of; it finds the rule's converters when it is called.
    made_of = (tuple(rule._trace), append_unknown, *sorted((rule.defaults or {}).items()))
    if made_of not in _compiled:
        _compiled[made_of] = _compile(rule, append_unknown)
    return _compiled[made_of]
