"""Many orders at once, limited links, tiers: fair totals on both sides, and shipments that realise them."""
