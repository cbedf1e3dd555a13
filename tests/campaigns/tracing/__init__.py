"""Tests of the resolver and its pages."""
