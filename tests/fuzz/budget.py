"""How much is drawn: in `make test` little and always the same, with FUZZ=long (`make fuzz`) much and always new."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """`requests_per_operation` bounds what schemathesis draws in each of its phases; at least `requests` it must send
    in all. A run of the model is `steps` requests or messages on one system, and there are `model_runs` of them."""

    requests_per_operation: int
    requests: int
    model_runs: int
    steps: int
    same_each_time: bool


SHORT = Budget(requests_per_operation=20, requests=300, model_runs=16, steps=40, same_each_time=True)
LONG = Budget(requests_per_operation=500, requests=2_000, model_runs=150, steps=60, same_each_time=False)

BUDGET = LONG if os.environ.get("FUZZ") == "long" else SHORT
TIME_LIMIT_S = 180 if BUDGET is SHORT else 1_500  # to end what hangs: the short run takes 25 s on a quiet machine
