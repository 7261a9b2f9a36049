"""What clients see while parts are killed, stopped, cut off or restarted, and that the system recovers by itself.

Named faults on real systems of their own, then a short campaign of `make faults` with random ones. The checker of
campaigns is itself tested on simulated histories, each with one promise broken.
"""
