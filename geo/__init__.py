"""What is there: reading, checking, mending, neighbours, elevation, outlines, export."""

from geo import drivers

drivers.skip()
drivers.limit()
drivers.mend()
