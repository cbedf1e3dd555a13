"""How what was bought gets to its buyers: waves, and the parcels of which they consist."""
