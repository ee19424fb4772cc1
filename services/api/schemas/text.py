"""The text that requests may carry: ids, titles, searches."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

LONGEST_TEXT = 200
# No control characters, no replacement character (from undecodable bytes), and not only white space.
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\ufffd]*[^\s\x00-\x1f\x7f-\x9f\ufffd][^\x00-\x1f\x7f-\x9f\ufffd]*$"
Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT, pattern=PRINTABLE)]
