"""QR codes of labels (ISO/IEC 18004), by segno. Pure."""

import segno

ERROR_LEVEL = "M"
"""A seventh of the code may be scratched."""


def modules(text: str) -> list[list[bool]]:
    """The code's square, row by row, dark or light, without the quiet zone of four modules around it."""
    code = segno.make(text, error=ERROR_LEVEL, micro=False, boost_error=False)
    return [[bool(module) for module in row] for row in code.matrix]
