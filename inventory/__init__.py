"""What fruit exists, where it lies, and what of it is free."""
