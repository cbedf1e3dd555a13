"""Cases: open questions that a person must settle, told as a journal of notes that nobody can rewrite."""

from inventory.cases.casework import (
    CaseNotFound,
    CaseSettled,
    add_note,
    get,
    note_if_open,
    open_case,
    open_cases,
    settle,
    settle_if_open,
    visible,
)
from inventory.cases.states import CaseKind, CaseState

__all__ = (
    "CaseKind",
    "CaseNotFound",
    "CaseSettled",
    "CaseState",
    "add_note",
    "get",
    "note_if_open",
    "open_case",
    "open_cases",
    "settle",
    "settle_if_open",
    "visible",
)
