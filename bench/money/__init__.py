"""What money costs: postings and events against bare INSERTs, the trial balance of a million, a settlement."""
