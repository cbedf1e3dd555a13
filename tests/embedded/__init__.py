"""Tests of marketplace.embedded: real servers, real signals."""
