"""Tables of interactions as tests write them, and the typed interactions that the code works on."""

import pandas as pd

from services.batch.ingest.interactions import Interactions
from services.batch.sources.interaction_rows import KINDS

COLUMNS = ["user_id", "book_number", "kind", "value", "time"]


def table_of(interactions: Interactions) -> pd.DataFrame:
    """The table these interactions stand for, with a fresh index."""
    columns = {
        "user_id": interactions.user_ids[interactions.user_codes],
        "book_number": interactions.item_index,
        "kind": [KINDS[kind] for kind in interactions.kinds.tolist()],
        "value": interactions.value,
        "time": interactions.times,
    }
    return pd.DataFrame(columns)
