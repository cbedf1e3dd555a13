"""Money out to cooperatives: where they are paid, by two people, in a file for a bank or through a provider."""
