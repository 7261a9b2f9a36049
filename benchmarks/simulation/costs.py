"""What a batch costs each part in CPU time: so much for the batch, and so much for each item in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from benchmarks.results import RESULTS, keep_json

LANES = ("commands", "finds", "lists")
PARTS = ("gateway", "task-reader", "task-writer", "rabbitmq", "postgres")


@dataclass(frozen=True)
class Cost:
    """CPU seconds of one part for a batch."""

    per_batch_s: float
    per_item_s: float

    def of(self, items: int) -> float:
        """CPU seconds for a batch of so many."""
        return self.per_batch_s + self.per_item_s * items


@dataclass(frozen=True)
class Costs:
    """All costs: CPU by lane and part, the load generator's for a request, and `waits_s`, what a batch of each lane
    waits for that is not CPU time: disks, network, a core that sleeps."""

    cpu: Mapping[str, Mapping[str, Cost]]
    load_s: float
    waits_s: Mapping[str, float]

    def times(self, factor: float) -> "Costs":
        """All of it on a machine that is so much slower."""
        cpu = {
            lane: {part: Cost(cost.per_batch_s * factor, cost.per_item_s * factor) for part, cost in parts.items()}
            for lane, parts in self.cpu.items()
        }
        return Costs(cpu, self.load_s * factor, {lane: wait_s * factor for lane, wait_s in self.waits_s.items()})


def fit(points: Sequence[tuple[float, float]]) -> Cost:
    """The costs of a part from pairs of mean items in a batch and CPU seconds per item, two at least of different
    sizes. Neither cost is ever below 0.

    Least squares over CPU seconds per item = per_item_s + per_batch_s / items.
    """
    inverse = [1 / items for items, _ in points]
    seconds = [cpu_s for _, cpu_s in points]
    x, y = fmean(inverse), fmean(seconds)
    slope = sum((one - x) * (cpu_s - y) for one, cpu_s in zip(inverse, seconds, strict=True))
    slope = max(slope / sum((one - x) ** 2 for one in inverse), 0.0)
    return Cost(per_batch_s=slope, per_item_s=max(y - slope * x, 0.0))


def keep(costs: Costs, facts: Mapping[str, object]) -> None:
    """Writes them into `benchmarks/results`, with the machine and with `inflation`: how much more CPU time it took than
    a quiet one."""
    keep_json("costs", {**facts, **asdict(costs)})


def kept() -> Costs:
    """The costs in `benchmarks/results`, as of a quiet machine."""
    content = json.loads((RESULTS / "costs.json").read_text())
    cpu = {lane: {part: Cost(**cost) for part, cost in parts.items()} for lane, parts in content["cpu"].items()}
    return Costs(cpu, content["load_s"], content["waits_s"]).times(1 / content["inflation"])
