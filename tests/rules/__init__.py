"""The rules of the house style as functions: each takes a source and returns its faults.

`tests/test_rules.py` applies them to this repository. The tests here plant faults, to show that each would be found.
"""
