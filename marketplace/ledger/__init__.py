"""The ledger: double entry in minor units. What is booked is never edited; balances are kept beside it."""
