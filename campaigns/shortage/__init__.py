"""Shortage: less fruit is there than a campaign has sold. Neighbours are asked first, then buyers, then it is cut."""
