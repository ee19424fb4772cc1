"""Bases and stand-ins for the stock images, for a machine that reaches Debian's packages but no image registry.

debootstrap makes two Debians: bookworm, whose Python stands in for the Python image, and trixie, whose packages of
Valkey, PostgreSQL and nginx stand in for theirs, under the names and tags of docker-compose.yml. An image that the
engine has already is left alone. The mirror is the one that apt is set up with.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[2]
BASES = Path(__file__).with_name("bases")
PYTHON_BASE = "python:3.11-slim-bookworm"
SERVICES_BASE = "nightshelf-test/debian:trixie"
STAND_INS = {"valkey": "valkey", "postgres": "postgres", "gateway": "nginx"}
_PATH = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def make(docker: str) -> None:
    """Make whatever is missing."""
    if not _has(docker, PYTHON_BASE):
        _debian(docker, "bookworm", PYTHON_BASE, ["ca-certificates", "python3", "python3-venv"])
    services = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]
    for service, recipe in STAND_INS.items():
        image = services[service]["image"]
        if _has(docker, image):
            continue
        if not _has(docker, SERVICES_BASE):
            _debian(docker, "trixie", SERVICES_BASE, ["ca-certificates"])
        print(f"  a stand-in for {image} …", flush=True)
        file, base = BASES / f"{recipe}.Dockerfile", f"SERVICES_BASE={SERVICES_BASE}"
        command = [docker, "build", "--quiet", "--tag", image, "--file", file, "--build-arg", base, BASES]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _has(docker: str, image: str) -> bool:
    return subprocess.run([docker, "image", "inspect", image], capture_output=True, check=False).returncode == 0


def _debian(docker: str, suite: str, image: str, packages: list[str]) -> None:
    print(f"  a Debian {suite} as {image} …", flush=True)
    with tempfile.TemporaryDirectory(prefix="nightshelf-debian-") as folder:
        root = Path(folder) / suite
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", suite, str(root), _mirror()]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            sys.exit(f"debootstrap failed:\n{made.stdout[-2000:]}{made.stderr[-2000:]}")
        if "python3" in packages:
            (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        for left_over in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(root / left_over)
            (root / left_over).mkdir()
        archive = subprocess.Popen(["tar", "--create", "--directory", str(root), "."], stdout=subprocess.PIPE)
        command = [docker, "import", "--change", _PATH, "-", image]
        subprocess.run(command, stdin=archive.stdout, stdout=subprocess.DEVNULL, check=True)
        if archive.wait() != 0:
            sys.exit(f"tar could not pack {root}.")


def _mirror() -> str:
    """The first address of Debian itself that apt is set up with."""
    apt = Path("/etc/apt")
    for file in (
        apt / "sources.list",
        *sorted(apt.glob("sources.list.d/*.list")),
        *sorted(apt.glob("sources.list.d/*.sources")),
    ):
        if not file.is_file():
            continue
        for line in file.read_text().splitlines():
            words = line.split()
            if words[:1] in (["URIs:"], ["deb"]):
                address = next((word for word in words[1:] if "://" in word), None)
                if address is not None and "security" not in address:
                    return address
    sys.exit("apt is set up with no mirror of Debian's; set COMPOSE_TEST_STOCK_IMAGES=1 where images can be pulled.")
