"""What clients see while parts are killed, stopped, cut off or restarted, and that all goes on by itself afterwards.

Named faults on real systems of their own, then a short campaign of `make faults` with drawn ones. The checker that
judges campaigns is itself judged on simulated histories, each with one promise broken.
"""
