"""Findings in the formats that people and CI systems read; each module has `render(reports) -> str`."""
