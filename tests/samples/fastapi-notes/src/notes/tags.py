"""Tags are lower case and sorted."""


def normalised(tags: list[str]) -> list[str]:
    return sorted({tag.strip().lower() for tag in tags if tag.strip()})
