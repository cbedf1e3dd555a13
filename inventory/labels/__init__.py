"""Label credit: certified land, the grams a cooperative may still label, and the serials of its labels."""
