"""Where the checkout and the evaluation data are."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATASETS = Path(os.environ.get("NIGHTSHELF_DATASETS", ROOT.parent / "shared" / "data"))
