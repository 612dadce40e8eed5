"""Benchmarks: run from a checkout, with the data folder as an argument.

They stand in folders by subject, and each runs as `python -m benchmarks.NAME`.
"""

from pathlib import Path

HERE = Path(__file__).parent
__path__ += [str(folder) for folder in sorted(HERE.iterdir()) if any(folder.glob("*.py"))]  # type: ignore[name-defined]
