"""Colours that stand side by side are told apart by everybody, or there is another sign that tells them apart.

A dichromat's sight by Viénot, Brettel and Mollon (1999), "Digital video colourmaps for checking the legibility of
displays by dichromats", Color Research and Application 24, 243-252, for protanopia and deuteranopia, and by the
matrix for severity 1.0 of Machado, Oliveira and Fernandes (2009), "A Physiologically-based Model for Simulation of
Color Vision Deficiency", IEEE TVCG 15, 1291-1298, for tritanopia; all on linear RGB. Distances are CIE76 in L*a*b*
(D65): about 2.3 is just noticeable.
"""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from ui import palette
from ui.palette import Look

LINEAR_TO_LMS = np.array(
    [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]]
)
PROTAN = np.array([[0.0, 2.02344, -2.52581], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
DEUTAN = np.array([[1.0, 0.0, 0.0], [0.494207, 0.0, 1.24827], [0.0, 0.0, 1.0]])
TRITAN = np.array(
    [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
)
SIGHTS = {
    "all colours": np.eye(3),
    "protanopia": np.linalg.inv(LINEAR_TO_LMS) @ PROTAN @ LINEAR_TO_LMS,
    "deuteranopia": np.linalg.inv(LINEAR_TO_LMS) @ DEUTAN @ LINEAR_TO_LMS,
    "tritanopia": TRITAN,
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = TO_XYZ.sum(axis=1)

STATES = {
    "TARGETS": palette.TARGETS, "PROGRESS": palette.PROGRESS, "WORK": palette.WORK, "BLOCKS": palette.BLOCKS,
    "REASONS": palette.REASONS, "PARCELS": palette.PARCELS, "SEVERITIES": palette.SEVERITIES,
}  # fmt: skip
SCALES = {
    "SIZES": palette.SIZES, "CUTS": palette.CUTS, "SHARES": palette.SHARES,
    "OPERATORS": {key: look for key, look in palette.OPERATORS.items() if key != "unknown"},
}  # fmt: skip
APART, STEP = 10.0, 5.0
"""Distances: of states, which are looked up one by one; of neighbouring classes, which are read as an order."""


def lab(colour: str, sight: str) -> np.ndarray:
    """L*a*b* of #RRGGBB as that sight has it."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(SIGHTS[sight] @ linear, 0, 1) / WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: Look, other: Look, sight: str) -> float:
    return float(np.linalg.norm(lab(one.colour, sight) - lab(other.colour, sight)))


def test_the_simulated_sights_keep_greys_and_confuse_what_they_should() -> None:
    for sight in SIGHTS:
        grey, white = lab("#808080", sight), lab("#FFFFFF", sight)
        assert np.abs(grey[1:]).max() < 2.5 and np.abs(white[1:]).max() < 2.5
    red, green = Look("#D00000", "plain", "", "", ""), Look("#4A5A00", "plain", "", "", "")
    assert distance(red, green, "all colours") > 2 * distance(red, green, "deuteranopia")


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("book", STATES)
def test_two_states_differ_in_colour_or_in_hatch(book: str, sight: str) -> None:
    alike = [
        (one, other, round(distance(STATES[book][one], STATES[book][other], sight), 1))
        for one, other in combinations(STATES[book], 2)
        if STATES[book][one].hatch == STATES[book][other].hatch
        and distance(STATES[book][one], STATES[book][other], sight) < APART
    ]
    assert alike == []


@pytest.mark.parametrize("book", ["TARGETS", "PROGRESS", "WORK", "SEVERITIES", "BLOCKS"])
def test_in_a_table_every_state_has_a_sign_and_a_word_of_its_own(book: str) -> None:
    looks = STATES[book].values()
    for told in ("mark", "zh", "en"):
        said = [getattr(look, told) for look in looks]
        assert all(said) and len(set(said)) == len(said)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("book", SCALES)
def test_a_scale_grows_darker_from_class_to_class_for_everybody(book: str, sight: str) -> None:
    looks = list(SCALES[book].values())
    light = [lab(look.colour, sight)[0] for look in looks]
    assert light == sorted(light, reverse=True)
    steps = [distance(one, other, sight) for one, other in pairwise(looks)]
    assert min(steps) >= STEP, [round(step, 1) for step in steps]


@pytest.mark.parametrize("sight", SIGHTS)
def test_no_site_looks_like_what_is_in_no_site(sight: str) -> None:
    none = palette.SITES["none"]
    near = {k: round(distance(look, none, sight), 1) for k, look in palette.SITES.items() if k != "none"}
    assert min(near.values()) >= APART, near
