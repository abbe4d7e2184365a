"""Exchange rates of the day."""

import requests


def rates(url: str) -> dict[str, float]:
    answer = requests.get(url, timeout=5)
    answer.raise_for_status()
    return {name: float(rate) for name, rate in answer.json()["rates"].items()}
