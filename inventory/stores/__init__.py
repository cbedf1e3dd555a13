"""Cold stores: their rooms, the space that is left in them, and what a day in them costs."""
