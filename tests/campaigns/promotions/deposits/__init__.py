"""Tests of promotions for items with deposits."""
