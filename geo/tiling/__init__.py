"""Vector tiles of a plan: its shapes with a number each, cut for web maps, kept in one PMTiles file."""
