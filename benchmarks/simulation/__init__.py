"""A simulation of more replicas than one machine can run: what batches, messages and commits become of them.

The batching is the product's own `gateway.batching`, on an event loop whose clock jumps; everything behind it is a
model with measured costs (`costs.py`). `make simulate` runs it; `make bench-replicas` shows it beside a real run.
"""
