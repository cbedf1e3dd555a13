"""The whole suite; one folder per package, plus the servers it runs on."""
