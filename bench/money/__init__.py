"""What booking costs: postings a second against a bare INSERT of the same rows, and the trial balance of a million."""
