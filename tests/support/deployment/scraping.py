"""Reading metrics as Prometheus does."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


class Scraped:
    """What one scrape showed. Raises where a metric or a series is there twice."""

    def __init__(self, text: str) -> None:
        self._samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        self.families: dict[str, str] = {}
        """The kind of each metric, by its name as it is written."""
        for family in text_string_to_metric_families(text):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            assert name not in self.families, name
            self.families[name] = family.type
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self._samples, key
                self._samples[key] = sample.value

    def value(self, name: str, **labels: str) -> float | None:
        """The value of exactly this series; None when it is not there."""
        return self._samples.get((name, frozenset(labels.items())))

    def labels(self, name: str, label: str) -> set[str]:
        """Every value of `label` in the samples called `name`."""
        return {dict(pairs)[label] for found, pairs in self._samples if found == name}

    def total(self, name: str) -> float:
        return sum(value for (found, _), value in self._samples.items() if found == name)
