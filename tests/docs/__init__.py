"""The texts are true: what they name exists, what they show happens, what is generated is what the code generates.

The session of the README is run on a real system, and its answers compared. `make contracts` mends generated files.
"""
