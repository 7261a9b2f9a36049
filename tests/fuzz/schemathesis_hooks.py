"""Hooks for schemathesis, which imports this module because SCHEMATHESIS_HOOKS names it."""

from typing import Any
from uuid import uuid4

import schemathesis

KEY_HEADER = "Idempotency-Key"
MAX_KEY_CHARACTERS = 255


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Makes a key fresh that keeps the rules: under one of the same user, another request is refused with 422.

    The key's own characters stay, but for the last where it would become too long; one that breaks the rules stays as
    it is. What a key promises is checked by the model.
    """
    del context, kwargs
    _send_back_ids_of_the_path(case)
    _begin_with_the_first_page(case)
    key = case.headers.get(KEY_HEADER) if case.headers else None
    if not isinstance(key, str) or not case.meta or case.meta.generation.mode.is_negative:
        return
    quote = '"' if len(key) > 1 and key[0] == key[-1] == '"' else ""
    fresh = uuid4().hex
    content = key.removeprefix(quote).removesuffix(quote)[: MAX_KEY_CHARACTERS - len(fresh)]
    case.headers[KEY_HEADER] = f"{quote}{content}{fresh}{quote}"


def _send_back_ids_of_the_path(case: schemathesis.Case[Any]) -> None:
    """A PUT may have the ids that its path has, as may the operations of a batch; a schema cannot say so."""
    if not isinstance(case.body, dict) or not case.meta or case.meta.generation.mode.is_negative:
        return
    operations: Any = case.body.get("operations", ())
    for body in (case.body, *operations):
        for member, parameter in (("id", "task_id"), ("user_id", "user_id")):
            if member in body and parameter in case.path_parameters:
                body[member] = case.path_parameters[parameter]


def _begin_with_the_first_page(case: schemathesis.Case[Any]) -> None:
    """A cursor comes from an answer; a schema cannot say so. What cursors promise is checked by the model."""
    if case.query and case.meta and not case.meta.generation.mode.is_negative:
        case.query.pop("cursor", None)
