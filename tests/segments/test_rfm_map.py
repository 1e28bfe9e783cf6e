"""The map of RFM (semantics §46)."""

from segments.rfm import BANDS, GROUPS, SCORES, RfmBand, RfmGroup, cells

# As semantics §46 writes it.
CELLS = {
    "Champions": "54 55",
    "Loyal": "34 35 44 45",
    "Potential loyalists": "42 43 52 53",
    "New": "51",
    "Promising": "41",
    "Need attention": "33",
    "About to sleep": "31 32",
    "At risk": "13 14 23 24",
    "Can't lose": "15 25",
    "Hibernating": "11 12 21 22",
}
BEST = {"Champions", "Loyal"}
WORST = {"At risk", "Can't lose", "Hibernating"}


def test_every_cell_has_the_group_of_the_map():
    written = {tuple(int(score) for score in cell): name for name, text in CELLS.items() for cell in text.split()}
    assert {cell: group.label for cell, group in GROUPS.items()} == written
    assert set(GROUPS) == {(r, f) for r in SCORES for f in SCORES}


def test_every_group_has_its_band():
    for group in RfmGroup:
        band = RfmBand.BEST if group.label in BEST else RfmBand.WORST if group.label in WORST else RfmBand.AVERAGE
        assert BANDS[group] == band


def test_cells_of_a_group():
    assert cells([RfmGroup.CHAMPIONS]) == [(5, 4), (5, 5)]
