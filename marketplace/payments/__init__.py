"""Money that a buyer owes and pays: the payment's life cycle behind one gateway interface."""
