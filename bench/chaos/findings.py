"""The checks by name, and what they found."""

from dataclasses import dataclass, field
from typing import Final

SENTENCES: Final = {
    "lost": "What was acknowledged is stored.",
    "changed": "What was acknowledged is stored as it was told, and nothing changed it that nobody asked for.",
    "twice": "Each key has at most one effect, and a refused one none.",
    "answers": "The same key always gets the same answer; one of them at most was not a repetition.",
    "kept": "Each answer stands under its key as it was told.",
    "oversold": "At no line of any journal, and in no sum of what was told, more than there is.",
    "journal": "Journals have no gaps, each line follows from the one before, the last is the stored state.",
    "versions": "A version that was told exists, and is the change it was told for.",
    "false_sold_out": "Nobody was refused boxes that were free all the while.",
    "server_error": "No 5xx but 503 with Retry-After; each refusal is a problem with a code.",
    "unexpected": "No refusal that a well-behaved client cannot explain.",
    "unanswered": "Every operation got its answer in the end.",
    "verify": "`flask verify` finds nothing.",
    "outage": "Without a database 503 within 5 s, and well again within 5 s of its return.",
    "redis": "Without Redis slower, not wrong: the p99 stays below three times the quiet one.",
}


@dataclass(slots=True)
class Report:
    """`found` by check; `looked_at` says how many facts each check has seen, so that an idle check shows."""

    found: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in SENTENCES})
    looked_at: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SENTENCES, 0))

    def expect(self, check: str, is_so: bool, otherwise: str) -> bool:
        """Count one fact of a check; when it is not so, say what is."""
        self.looked_at[check] += 1
        if not is_so:
            self.found[check].append(otherwise)
        return is_so

    def is_clean(self) -> bool:
        return not any(self.found.values())

    def broken(self) -> set[str]:
        return {name for name, found in self.found.items() if found}
