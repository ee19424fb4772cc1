"""One Airflow home and one child process for all tests of the DAGs, and one data folder that they share."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from shared.layout import DataFolder
from tests.conftest import absent
from tests.dags.airflow_world import DAGS, AirflowChild, migrated
from tests.servers.server import demo_folder

sys.path.insert(0, str(DAGS))  # as Airflow does


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory):
    """A migrated Airflow home."""
    if importlib.util.find_spec("airflow") is None:
        absent("apache-airflow")
    return migrated(tmp_path_factory.mktemp("airflow"))


@pytest.fixture(scope="session")
def airflow(airflow_home):
    """Airflow, in a process of its own."""
    with AirflowChild.started(airflow_home) as child:
        yield child


@pytest.fixture(scope="session")
def fake_command(tmp_path_factory):
    """An executable that keeps to the contract of `nightshelf step` and does nothing."""
    path = tmp_path_factory.mktemp("fake") / "nightshelf"
    script = Path(__file__).with_name("fake_nightshelf.py").read_text()
    path.write_text(f"#!{sys.executable} -SE\n{script}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture(scope="session")
def demo_night(tmp_path_factory, valkey_url):
    """Settings of the data folder over the demo that real runs share; its books are embedded already."""
    folder = DataFolder(tmp_path_factory.mktemp("dags") / "data")
    demo = demo_folder(tmp_path_factory.getbasetemp())
    shutil.copytree(DataFolder(demo).embeddings, folder.embeddings)
    return {
        "NIGHTSHELF_DATA_DIR": str(folder.root),
        "NIGHTSHELF_REDIS_URL": valkey_url,
        "NIGHTSHELF_REDIS_PREFIX": f"dags{os.getpid()}",
        "NIGHTSHELF_SOURCE": "demo",
        "NIGHTSHELF_BATCH__THREADS": "1",
        "NIGHTSHELF_COLLABORATIVE__RANK": "16",
        "NIGHTSHELF_EVALUATION__MAX_USERS": "500",
    }


@pytest.fixture
def webhook():
    """A server that keeps what it is sent and answers with `status`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            server.received.append((self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(server.status)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.received, server.status = [], 204
        server.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
