"""How a campaign's boxes get to their buyers, and when it is over."""
