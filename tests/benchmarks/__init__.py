"""The benchmarks measure what they say: no failed request passes for a fast one, opponents answer as the product does.

Judging, reading and drawing of figures are tested on figures made up for it, wrk and the opponents on small real runs.
No test here says how fast the product is: `make bench` does.
"""
