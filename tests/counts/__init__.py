"""What a batch costs in round trips, statements, messages, frames, bytes and parsed JSON: `costs.py` has the table.

Counted on the wire of real servers, so the figures are the same on every machine, however busy. `test_planted.py`
plants extra costs, to show that they would be found.
"""
