"""The main job on demo data: what the county did in April 2021, through the use cases that everybody has."""
