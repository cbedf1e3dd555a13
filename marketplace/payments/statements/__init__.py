"""Bank statements: money that arrived at the bank finds the payment it is for, by itself or by a person's hand."""
