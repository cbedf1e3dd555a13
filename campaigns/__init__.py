"""How fruit is sold: campaigns, their items and pledges."""
