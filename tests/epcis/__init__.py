"""EPCIS: words, identifiers, shapes; documents of our own with known verdicts; the comparison with GS1's schema."""
