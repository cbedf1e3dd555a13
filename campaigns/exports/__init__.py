"""Exports: prices in several currencies, boxes of a campaign for companies abroad, and the papers these travel with."""
