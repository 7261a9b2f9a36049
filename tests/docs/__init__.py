"""The documents are true: what they name exists, what they show happens, generated files are up to date.

The README session runs on a real system, and its answers are compared. `make contracts` updates the generated files.
"""
