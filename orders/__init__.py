"""Who promised what to whom: the split, checkout, runs and shares."""
