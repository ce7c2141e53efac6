"""What is there: reading, checking, mending, neighbours, elevation, outlines, export."""
