"""The simulation of many replicas.

Its clock and its cores are exact, it batches as the product does, and the costs that it starts from explain what was
measured. How near it comes to a real run is not tested here but shown by `make bench-replicas`.
"""
