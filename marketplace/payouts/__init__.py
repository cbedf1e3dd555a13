"""Files that tell a bank what to pay: ISO 20022 pain.001 and a plain CSV. Pure: what is due is decided above."""
