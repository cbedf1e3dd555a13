"""A platform, company or county fund buys tonnes: committed, paid into escrow, split, paid in tranches, drawn on."""
