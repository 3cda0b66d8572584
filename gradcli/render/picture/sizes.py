"""All sizes and thresholds of pictures in one place: pixels, and numbers of gates up to which something is shown."""

from __future__ import annotations

# Gates up to which …
COLUMN_INPUTS, COLUMN_GATES = 6, 24  # the inputs stand in one column: so many of them, in so many gates
RUNS_RIGHT = 24  # a picture runs left to right without asking which direction fits a page better
RUNS_RIGHT_ARRAYS = 9  # the same, where there are arrays: their numbers are wide
ORDERED = 60  # the first operand stands first
LABELLED = 150  # edges carry their numbers
NUMBERED = 1000  # nodes carry theirs
BEST_RATIO = 1.5  # width over height of a picture that fits a page

# Beyond LABELLED, where edges pass more ranks than MOST_RANKS in all, those that pass more than LONG (beyond NUMBERED,
# more than one) are drawn without being laid out. Graphviz makes a node of its own for every rank that
# an edge passes, and would take minutes.
MOST_RANKS, LONG = 4000, 3
# The same up to LABELLED, where labels make a rank of their own between any two; of fewer arrows than FEW_ARROWS none.
MOST_LABELLED_RANKS, LONG_LABELLED, FEW_ARROWS = 1000, 6, 60

STAGE = 5  # a stage of so many operations, constants not counted, has a frame
NESTED = 6  # so many frames, at most, are drawn around a node
WHOLE, WHOLE_ON_EDGE = 4, 3  # an array of so many elements is written whole

# Characters.
NAME = 20  # of a name
RULE = 24  # of a symbolic local gradient on an edge
TOOLTIP = 200  # of a line of a tooltip
TITLE = 120  # of the program in the title
LISTED = 20  # names in title and description, warnings in the description
FIRST = 8  # elements of an array, edges of a folded group in a tooltip

ROOM = 10  # of a number on a page: −1.23e−100

# Pixels.
NODE_TEXT, CONSTANT_TEXT, EDGE_TEXT, WARNING_TEXT, LEGEND_TEXT = 11.0, 10.0, 9.0, 9.5, 9.0
SMALL_TEXT = 9.5  # shapes, and what a folded group holds
CAPTION_TEXT = 10.0  # of a frame
FRAME_MARGIN = 8  # between a frame and what stands in it
GLYPH_TEXT = 15.0  # an operation that is a single sign
LINE_HEIGHT, ASCENT = 10.8, 8.2  # of edge labels
MARGIN = 8.0  # around everything
HEAT_LEVELS = 8  # steps from the colour of lines to that of gradients
HEAT_WIDTH = 3.0  # what the hottest line is wider than a cold one
MAP_WIDE, MAP_HIGH, MAP_GAP = 44.0, 26.0, 4.0  # of the heat maps in the nodes of a page
MAP_LINES = 2  # lines of a node that these take
PNG_ZOOM = 2  # pixels of a PNG per pixel of the SVG
