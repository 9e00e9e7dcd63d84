"""Reads metrics as Prometheus does: strictly, with its own Python parser."""

import json
import sys
import urllib.request

from prometheus_client.parser import text_string_to_metric_families


def main():
    with urllib.request.urlopen(sys.argv[1], timeout=60) as answer:
        kind = answer.headers["Content-Type"]
        text = answer.read().decode("utf-8")
    assert kind == "text/plain; version=0.0.4; charset=utf-8", kind
    samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, f"{family.name} does not say what it is"
        assert family.type in ("counter", "gauge", "histogram"), (family.name, family.type)
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            name = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert name not in samples, name
            samples[name] = sample.value
    print(json.dumps({"event": "scraped", "samples": samples}), flush=True)


if __name__ == "__main__":
    main()
