"""A platform, company or county fund buys tonnes: committed, paid into escrow, split, released in tranches, drawn on."""
