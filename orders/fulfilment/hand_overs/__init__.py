"""Hand-overs: parcels and pallets that a carrier took along together, and the manifest of them."""
