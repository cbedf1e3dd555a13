"""What the split refuses, as the doors refuse it."""

from marketplace import errors
from orders import allocation


def invalid(refused: allocation.ProblemRefused, *, at: str = "") -> errors.Invalid:
    """Every fault as a pointer into the body, where what was refused stands at `at`."""
    return errors.Invalid(
        errors=[
            {"pointer": f"{at}{fault.pointer}", "detail": f"{fault.reason} {fault.reason_zh}"}
            for fault in refused.faults
        ]
    )
