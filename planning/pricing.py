"""What no plan of a part is worth more than, where its groups are too many to list: only those are looked for that
would lift the bound.

Some groups are there to begin with. The relaxation over them gives every parcel a share; groups that are worth
more than the shares of their parcels are looked for below each parcel (planning.listing) and join the others,
until there are none or the bound is good enough. The shares and what is still above them bound every plan.
"""

from __future__ import annotations

import numpy as np

from geo.compiled import kernel
from planning.columns import enlarged, no_columns
from planning.listing import FULL, groups_below
from planning.relaxation import left_out, relax_from
from planning.walk import ridge_share, set_base, walk_of


@kernel
def priced(u, outside, here, overlap, rule, worth, c, rounds, most_tried, enough, slight):
    """(columns, y, most): shares of the parcels, and what no packing of u is worth more than at `worth` [yuan/m²].

    c: columns to begin with; those that were found stand behind them. Ends after `rounds`, or once `most` is no
    more than `enough` [yuan]. most_tried: groups tried for a parcel in one round, on average; where these are
    too few, most is inf. slight: a group worth more than its shares by less [yuan] is counted at that, not looked
    for. outside, here, overlap: of `planning.listing.listing`.
    """
    n = u.area.shape[0]
    w = walk_of(u, here, overlap)
    y = np.zeros(n)
    most = np.inf
    basis = left_out(n)
    for _ in range(rounds):
        y, bound = relax_from(basis, c, worth, 200 * n + 2000)
        set_base(w, u, outside, rule, worth, y)
        spent = 0
        before = c.held[0]
        for r in range(n):
            # a parcel in the thick of it may take what others leave
            limit = min(most_tried * n - spent, 10 * most_tried)
            while True:
                tried, best, left, state = groups_below(
                    r, u, outside, rule, np.inf, worth, y, slight, True, limit, c, w
                )
                if state != FULL:
                    break
                c = enlarged(c)
            spent += tried
            bound += max(best, left)
            # those that come first are tried for most: half of all may go to them
            if 2 * spent > most_tried * (n + r) and r < n - 1:
                return c, y, most
        most = min(most, bound)
        if c.held[0] == before or most <= enough:
            break
    return c, y, most


@kernel
def better(u, rule, worth, y, keep, most_tried, room):
    """(columns, whether all): groups worth more than `keep` yuan beyond their shares, at most `room` of them."""
    n = u.area.shape[0]
    w = walk_of(u, np.ones(n, np.bool_), ridge_share(u))
    c = no_columns(min(room, 4096) + 1, 8 * min(room, 4096) + n)
    outside = np.zeros(n)
    set_base(w, u, outside, rule, worth, y)
    spare = most_tried * n
    r = 0
    while r < n:
        tried, _, _, state = groups_below(r, u, outside, rule, np.inf, worth, y, keep, False, spare, c, w)
        if state == FULL:
            c = enlarged(c)
            continue
        spare -= tried
        if spare <= 0 or c.held[0] > room:
            return c, False
        r += 1
    return c, True
