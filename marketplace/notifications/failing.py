"""Why a message did not leave the house. Knows no channel."""


class Undelivered(Exception):
    """It was certainly not taken. `is_final`: trying again is of no use. The words hold no address and no secret."""

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.is_final = is_final


class Uncertain(Exception):
    """It was handed over whole, but no answer came: it may have been taken, so it is not sent again."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
