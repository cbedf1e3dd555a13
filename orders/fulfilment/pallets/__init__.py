"""Pallets: packed parcels that leave a cold store together, under a number of their own."""
