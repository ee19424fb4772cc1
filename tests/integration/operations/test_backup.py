"""Backup and restore, by the very commands of docs/operations.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

_PAGE = ROOT / "docs" / "operations.md"


def commands(heading):
    """The first shell block under a heading of the page."""
    section = _PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block is not None
    return block.group(1)


def run(script, settings, **environment):
    environment = {
        **os.environ,
        **environment,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NIGHTSHELF_DATA_DIR": str(settings.data_dir),
        "NIGHTSHELF_REDIS_URL": str(settings.redis_url),
        "NIGHTSHELF_REDIS_PREFIX": settings.redis_prefix,
        "NIGHTSHELF_BATCH__THREADS": "1",
    }
    done = subprocess.run(["sh", "-ec", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.slow
def test_what_was_backed_up_is_served_again_after_everything_is_lost(library, tmp_path):
    library.report(("e1", "r000", "b40", "read", None), ("e2", "cold_start_user", "b04", "rating", 5.0))
    backup = tmp_path / "backup.tar"
    run(commands("Back up"), library.settings, BACKUP=str(backup))
    assert library.client.xlen(library.keys.events) == 0
    library.night()
    lists, state, events = library.lists(), library.user_states(), library.events()
    numbers = library.verified().catalog.ids

    library.client.unlink(*library.client.keys(f"{library.settings.redis_prefix}:*"))
    library.folder.root.rename(tmp_path / "lost")
    run(commands("Restore"), library.settings, BACKUP=str(backup))
    assert library.verified().catalog.ids == numbers
    assert library.events() == events
    assert library.user_states() == state
    restored = library.lists()
    assert restored.keys() == lists.keys()
    assert all(restored[user].tolist() == listed.tolist() for user, listed in lists.items())
    assert not list(library.folder.root.glob("staging/*"))
