"""Evidence of a cooperative's work for a lender, as far and as long as the cooperative consents."""
