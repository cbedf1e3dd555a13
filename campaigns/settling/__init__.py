"""A campaign whose boxes are delivered is settled with its cooperatives: what only campaigns know of it."""
