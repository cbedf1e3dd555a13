"""Pledges: what cooperatives put up for a campaign, from the invitation to the end."""
