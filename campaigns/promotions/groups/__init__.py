"""Group buys: friends who all buy within some hours, and then all get something back."""
