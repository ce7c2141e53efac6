"""Cells of a raster whose middles lie in a shape, or well inside it, and their median: compiled scan lines."""

from __future__ import annotations

import numpy as np

from geo.compiled import kernel


@kernel
def rooms(points, at, heights):
    """Arrays to work in, for `within`: as large as the largest of the shapes needs them."""
    cells, corners = 0, 0
    for i in range(len(at) - 1):
        x0, y0, x1, y1 = np.inf, np.inf, -np.inf, -np.inf
        for k in range(at[i], at[i + 1]):
            x0, y0 = min(x0, points[k, 0]), min(y0, points[k, 1])
            x1, y1 = max(x1, points[k, 0]), max(y1, points[k, 1])
        x0, y0 = max(x0, 0.0), max(y0, 0.0)
        x1, y1 = min(x1, heights.shape[1] + 0.0), min(y1, heights.shape[0] + 0.0)
        if x0 < x1 and y0 < y1:
            cells = max(cells, (int(x1) - int(x0) + 2) * (int(y1) - int(y0) + 2))
            corners = max(corners, at[i + 1] - at[i])
    return np.empty(cells), np.empty(corners), np.empty((corners, 5))


@kernel
def within(points, first, last, ring, inset, metres, heights, held, cuts, near):
    """Heights of the cells whose middles lie in one shape (even-odd over all its rings), inset m from its edge or more.

    points: float64[k, 2] as (column, row) of heights, first..last those of the shape; ring: int64[k], the closed
    ring that each corner belongs to; metres: float64[2, 2], what a step of columns and rows is on the ground, asked
    only where inset is above 0; heights: float[rows, columns], NaN none; held, cuts, near: as from `rooms`.
    Returns how many cells lie there, and how many of them have a height: the first of held.
    """
    count, kept = 0, 0
    low, high = np.inf, -np.inf
    for k in range(first, last):
        low, high = min(low, points[k, 1]), max(high, points[k, 1])
    if not (low < high):
        return count, kept
    rows = 0.0  # how many rows the inset may reach over
    if inset > 0.0:
        turned = abs(metres[0, 0] * metres[1, 1] - metres[0, 1] * metres[1, 0])
        rows = inset * np.hypot(metres[0, 0], metres[1, 0]) / turned
    for r in range(max(int(np.ceil(low - 0.5)), 0), min(int(np.floor(high - 0.5)), len(heights) - 1) + 1):
        y = r + 0.5
        m, sides = 0, 0
        for k in range(first, last - 1):
            if ring[k] != ring[k + 1]:
                continue
            ay, by = points[k, 1], points[k + 1, 1]
            if (ay > y) != (by > y):
                cut = points[k, 0] + (y - ay) / (by - ay) * (points[k + 1, 0] - points[k, 0])
                j = m
                while j > 0 and cuts[j - 1] > cut:
                    cuts[j] = cuts[j - 1]
                    j -= 1
                cuts[j] = cut
                m += 1
            if inset > 0.0 and min(ay, by) - rows <= y <= max(ay, by) + rows:
                ax = points[k, 0]
                ex = metres[0, 0] * (points[k + 1, 0] - ax) + metres[0, 1] * (by - ay)
                ey = metres[1, 0] * (points[k + 1, 0] - ax) + metres[1, 1] * (by - ay)
                near[sides, 0], near[sides, 1], near[sides, 2], near[sides, 3] = ax, ay, ex, ey
                near[sides, 4] = ex * ex + ey * ey
                sides += 1
        for k in range(0, m - 1, 2):
            start = max(int(np.ceil(cuts[k] - 0.5)), 0)
            stop = min(int(np.ceil(cuts[k + 1] - 0.5)), heights.shape[1])
            for c in range(start, stop):
                if inset > 0.0 and _close(c + 0.5, y, near, sides, inset, metres):
                    continue
                count += 1
                held[kept] = heights[r, c]
                kept += not np.isnan(held[kept])
    return count, kept


@kernel
def _close(x, y, near, sides, inset, metres):
    """Whether a place comes nearer than inset to one of the sides."""
    for s in range(sides):
        dx = metres[0, 0] * (x - near[s, 0]) + metres[0, 1] * (y - near[s, 1])
        dy = metres[1, 0] * (x - near[s, 0]) + metres[1, 1] * (y - near[s, 1])
        ex, ey, square = near[s, 2], near[s, 3], near[s, 4]
        t = min(max((dx * ex + dy * ey) / square, 0.0), 1.0) if square > 0.0 else 0.0
        dx, dy = dx - t * ex, dy - t * ey
        if dx * dx + dy * dy < inset * inset:
            return True
    return False


@kernel
def medians(points, at, ring, inset, metres, heights):
    """Median height of the cells whose middles lie in each shape, inset m from its edge or more, as in `within`.

    at: int64[n + 1], where each shape's corners begin; metres: float64[n, 2, 2]. Returns the medians float64[n], NaN
    where no cell has a height, and the number of cells int64[n].
    """
    n = len(at) - 1
    out, count = np.full(n, np.nan), np.zeros(n, np.int64)
    held, cuts, near = rooms(points, at, heights)
    for i in range(n):
        count[i], kept = within(points, at[i], at[i + 1], ring, inset, metres[i], heights, held, cuts, near)
        if kept:
            out[i] = median(held, kept)
    return out, count


@kernel
def median(values, n):
    """Median of the first n values, whose order changes."""
    low, high, wanted = 0, n - 1, n // 2
    while low < high:  # C. Hoare, Algorithm 65: Find
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            break
    upper = values[wanted]
    if n % 2:
        return upper
    lower = values[0]
    for i in range(1, wanted):
        lower = max(lower, values[i])
    return 0.5 * (lower + upper)
