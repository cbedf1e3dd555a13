"""What a GS1 Digital Link leads to: the resolver, and the public pages of boxes, lots, products, places and parties."""
