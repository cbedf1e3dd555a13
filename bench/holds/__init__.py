"""How fast holds are, against bare Flask and bare PostgreSQL on the same machine: `python -m bench.holds`."""
