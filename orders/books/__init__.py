"""What orders mean for the ledger: which facts move money, between which accounts."""
