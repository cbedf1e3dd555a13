"""Who sells and what is sold: counties, cooperatives, products and packs."""
