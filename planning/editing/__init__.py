"""A plan changed by hand: a field unit in memory, what a change does, what forbids it, and the plan that comes of it.

`unit` holds a field unit of a plan folder, `state` who lies in which block, `rules` what no block may break, `changes`
the changes themselves, `replanning` the engine's own answer around what is locked, `figures` and `effect` what a
change does to blocks and sums, `problems` what is left to do, `writing` the plan folder that comes of it all.
"""
