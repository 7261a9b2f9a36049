"""The documents are true: what they name exists, what they show happens, generated files are up to date.

The sessions run on a real system, and their answers are compared. `make contracts` updates the generated files.
"""
