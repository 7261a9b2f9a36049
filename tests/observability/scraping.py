"""What the admin ports show, read as Prometheus reads it."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

ACCEPT = {"Accept": "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"}

type Labels = Mapping[str, str]


@dataclass(frozen=True)
class Scraped:
    """All samples of one scrape."""

    samples: tuple[tuple[str, Labels, float], ...]

    def sum(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name that have all these labels; 0 when there is none."""
        return sum(value for found, has, value in self.samples if found == name and labels.items() <= dict(has).items())

    def names(self) -> set[str]:
        return {name for name, _, _ in self.samples}


async def scrape(admin_url: str) -> Scraped:
    async with httpx.AsyncClient(timeout=5) as client:
        answer = await client.get(f"{admin_url}/metrics", headers=ACCEPT)
    samples = open_metrics(answer.raise_for_status().text)
    return Scraped(tuple((one.name, one.labels, one.value) for one in samples))


def open_metrics(text: str) -> list[Sample]:
    """All samples of a text in this format. ValueError where it is not one."""
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # the library has no types here
    return [one for family in families for one in family.samples]
