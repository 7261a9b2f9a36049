"""The images and `docker-compose.yml` on a real Docker engine: they start, keep the contract without spare rights.

Skipped where no engine answers. The programs beside the tests are what `make zero-downtime` and `make scaling` run:
they replace, migrate and restart containers under load, and check what clients saw.
"""
