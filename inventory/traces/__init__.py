"""Evidence that what was written down has not been changed since. Pure so far."""
