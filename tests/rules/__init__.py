"""The rules of the house as functions: each takes a source and returns its faults. tests/test_rules.py applies them."""
