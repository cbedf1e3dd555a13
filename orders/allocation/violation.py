"""What a check found wrong with an answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One promise that the answer breaks: a stable code, whom it concerns, and one English sentence."""

    code: str
    subject: str
    message: str


def violation(code: str, subject: str, message: str) -> Violation:
    """The three in the order in which they are written down."""
    return Violation(code=code, subject=subject, message=message)
