"""What cold stores ask for keeping fruit: each bill over those whose fruit lay there, and out of their settlements."""
