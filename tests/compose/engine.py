"""Docker and Compose as `walk.py` uses them: find them, build the images, run commands, keep the logs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]
_ENGINE_SECONDS = 30.0


def ensure_engine(docker: str) -> subprocess.Popen[bytes] | None:
    """Make sure an engine answers; start one if this is root's machine and it has dockerd. Returns what was started."""
    if _answers(docker):
        return None
    dockerd = shutil.which("dockerd")
    if dockerd is None or os.geteuid() != 0:
        sys.exit("No Docker engine answers. Start one; on Debian, as root: apt-get install docker.io docker-compose")
    log = PROJECT / "build" / "dockerd.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen([dockerd], stdout=output, stderr=output, start_new_session=True)
    deadline = time.monotonic() + _ENGINE_SECONDS
    while not _answers(docker):
        if process.poll() is not None or time.monotonic() > deadline:
            process.terminate()
            sys.exit(f"dockerd does not start; its log is {log}")
        time.sleep(0.5)
    return process


def _answers(docker: str) -> bool:
    return subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


def compose_command(docker: str) -> list[str]:
    """The plugin if there is one, else the older command of its own."""
    if subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0:
        return [docker, "compose"]
    command = shutil.which("docker-compose")
    if command is None:
        sys.exit("There is neither `docker compose` nor `docker-compose`; on Debian: apt-get install docker-compose")
    return [command]


@dataclass(frozen=True, slots=True)
class Project:
    """The system of docker-compose.yml under a project name of its own, with its environment file."""

    docker: str
    name: str
    environment_file: Path

    def compose(self, *words: str, quiet: bool = False, check: bool = True) -> str:
        """Run one Compose command and return its output; it ends the walk if it fails."""
        command = [*compose_command(self.docker), "--project-name", self.name, "--env-file", str(self.environment_file)]
        done = subprocess.run(
            [*command, *words],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
            text=True,
            check=False,
        )
        said = f"{done.stdout[-2000:]}{(done.stderr or '')[-2000:]}"
        assert not check or done.returncode == 0, f"`{' '.join(words)}` failed: {said}"
        return done.stdout

    def build(self) -> None:
        """Build each image once, however many services run it."""
        services = self._services("--profile", "seed", "--profile", "kafka")
        images = {service["image"]: service["build"] for service in services.values() if "build" in service}
        for image, build in images.items():
            print(f"  building {image} …", flush=True)
            command = ["nice", "-n", "19", self.docker, "build", "--tag", image, "--file", build["dockerfile"]]
            if "target" in build:
                command += ["--target", build["target"]]
            for name, value in build.get("args", {}).items():
                command += ["--build-arg", f"{name}={value}"]
            done = subprocess.run([*command, "."], cwd=PROJECT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{image} cannot be built:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"

    def container(self, service: str) -> dict[str, Any]:
        """What the engine knows of the container of a service."""
        label = "label=com.docker.compose"
        filters = (f"{label}.project={self.name}", f"{label}.service={service}", f"{label}.oneoff=False")
        options = [word for one in filters for word in ("--filter", one)]
        found = subprocess.run(
            [self.docker, "ps", "--all", "--quiet", *options],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert len(found) == 1, f"{service} has {len(found)} containers"
        inspected = subprocess.run([self.docker, "inspect", found[0]], capture_output=True, text=True, check=True)
        description: dict[str, Any] = json.loads(inspected.stdout)[0]
        return description

    def is_in(self, service: str, state: str) -> bool:
        """Whether a service is `healthy`, `starting`, `unhealthy`; or, without a health check, `running`, `exited`."""
        found = self.container(service)["State"]
        return state == (found["Health"]["Status"] if "Health" in found and found["Running"] else found["Status"])

    def running(self) -> list[str]:
        """The services that `up` starts."""
        return [name for name, service in self._services().items() if "profiles" not in service]

    def _services(self, *profiles: str) -> dict[str, Any]:
        services: dict[str, Any] = yaml.safe_load(self.compose(*profiles, "config", quiet=True))["services"]
        return services

    def keep_logs(self, file: Path) -> None:
        """Write what every container has said, and how each fares, into a file."""
        file.parent.mkdir(exist_ok=True)
        states = self.compose("ps", "--all", quiet=True, check=False)
        file.write_text(states + self.compose("logs", "--no-color", "--timestamps", quiet=True, check=False))
