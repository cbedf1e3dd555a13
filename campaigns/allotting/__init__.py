"""Allotting: the sold boxes of a campaign whose window is over, split over the cooperatives that pledged them."""
