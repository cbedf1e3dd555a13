"""The public pages of campaigns, for people who look before they read: a list, and a page of each."""
