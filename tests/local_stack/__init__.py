"""The local stack on real servers: what `make run` promises.

It starts everything or says why not, restarts what dies, keeps the data, leaves nothing behind, and gives no process a
permission or a secret that it does not need.
"""
