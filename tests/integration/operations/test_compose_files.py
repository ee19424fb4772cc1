"""The container half, looked at without an engine: every promise of docker-compose.yml that a file can break."""

from __future__ import annotations

import importlib.resources
import ipaddress
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

import services.api.metrics
from tests.paths import ROOT

DOCKER = ROOT / "docker"
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
SERVICES = COMPOSE["services"]
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(:[-?][^}]*)?\}")
SECRET = re.compile(r"(PASSWORD|SECRET|_KEY)")

every_service = pytest.mark.parametrize("service", [pytest.param(SERVICES[name], id=name) for name in SERVICES])


def run_tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool from Debian's packages; without it the test is skipped on a laptop and fails in CI."""
    tool = shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if tool is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed")
    return subprocess.run([tool, *arguments], capture_output=True, text=True, timeout=60, check=False)


def example_settings() -> dict[str, str]:
    lines = (DOCKER / "example.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_it_is_what_the_compose_specification_allows():
    schemas = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "compose-spec.json").read_text())
    jsonschema.validate(COMPOSE, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(COMPOSE | {"services": {"api": {"imagee": "x:1"}}}, schema)


def test_no_secret_has_a_default():
    used = VARIABLE.findall(COMPOSE_TEXT)
    assert len(used) == len(re.findall(r"(?<!\$)\$[{A-Za-z_]", COMPOSE_TEXT)), "a variable of a form not looked at"
    secrets = [(name, default) for name, default in used if SECRET.search(name)]
    assert len(dict(secrets)) == 9
    assert [name for name, default in secrets if not default.startswith(":?")] == []


def test_the_example_names_every_setting_and_no_secret():
    settings, used = example_settings(), dict(VARIABLE.findall(COMPOSE_TEXT))
    assert set(used) - set(settings) == {"NIGHTSHELF_VERSION"}
    assert {name: settings[name] for name in settings if SECRET.search(name) and settings[name]} == {}
    for name, default in used.items():
        if default.startswith(":-") and name in settings:
            assert settings[name] == default[2:], name


def test_a_new_environment_has_every_secret_and_no_two_alike():
    made = subprocess.run([DOCKER / "new-env.sh"], capture_output=True, text=True, check=True).stdout
    settings = dict(line.split("=", 1) for line in made.splitlines() if line and not line.startswith("#"))
    secrets = [value for name, value in settings.items() if SECRET.search(name)]
    assert min(map(len, secrets)) >= 32
    assert len(set(secrets)) == len(secrets)
    assert {name for name, value in example_settings().items() if settings[name] != value} == {
        name for name in settings if SECRET.search(name)
    }


@every_service
def test_a_service_is_watched_bounded_and_without_privileges(service):
    one_shot = service["restart"] == "no"
    assert one_shot or service["restart"] == "unless-stopped"
    assert one_shot or {"test", "interval", "timeout"} <= set(service["healthcheck"])
    assert {"cpus", "mem_limit", "pids_limit"} <= set(service)
    user, group = service["user"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]


def test_only_kafka_writes_to_its_root_file_system():
    assert [name for name, service in SERVICES.items() if not service["read_only"]] == ["kafka"]


@every_service
def test_an_image_is_pinned(service):
    image = VARIABLE.sub(lambda found: (found[2] or "")[2:], service["image"])
    name, _, tag = image.rpartition(":")
    assert name, f"{image} has no tag"
    assert re.search(r"\d+\.\d+", tag), f"{image} is not pinned to a version"


def test_our_images_carry_the_version_of_the_project():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert set(re.findall(r"NIGHTSHELF_VERSION:-([^}]*)", COMPOSE_TEXT)) == {version}


def test_doors_open_on_this_machine_only():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(ports) == {"gateway", "airflow-api", "prometheus", "grafana"}
    assert all(door.startswith(("127.0.0.1:", "${NIGHTSHELF_BIND:-127.0.0.1}:")) for [door] in ports.values())


def test_the_gateway_reaches_nothing_but_the_replicas():
    on_front = {name for name, service in SERVICES.items() if "front" in service["networks"]}
    assert on_front == {"gateway", "api-1", "api-2"}
    assert SERVICES["gateway"]["networks"] == ["front"]
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert SERVICES["valkey"]["networks"] == SERVICES["postgres"]["networks"] == ["back"]


def test_the_api_cannot_write_to_the_data_folder():
    for name in ("api-1", "api-2", "kafka-events"):
        assert SERVICES[name]["volumes"] == ["data:/data:ro"]


def test_every_file_that_is_mounted_is_there():
    mounted = re.findall(r'"(\./[^:]+):', COMPOSE_TEXT)
    assert len(mounted) >= 6
    assert [path for path in mounted if not (ROOT / path).exists()] == []


def test_the_gateway_knows_where_the_replicas_are():
    addresses = re.findall(r"server ([\d.]+):8000", (DOCKER / "gateway" / "nginx.conf").read_text())
    assert addresses == [SERVICES[name]["networks"]["front"]["ipv4_address"] for name in ("api-1", "api-2")]
    subnet = ipaddress.ip_network(COMPOSE["networks"]["front"]["ipam"]["config"][0]["subnet"])
    assert all(ipaddress.ip_address(address) in subnet for address in addresses)


def test_nginx_accepts_the_gateway():
    checked = run_tool("nginx", "-t", "-c", DOCKER / "gateway" / "nginx.conf")
    assert checked.returncode == 0, checked.stderr


def test_prometheus_accepts_its_configuration(tmp_path):
    monitoring = DOCKER / "monitoring"
    text = (monitoring / "prometheus.yml").read_text()
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus/", ""))
    shutil.copy(monitoring / "alerts.yml", tmp_path)
    checked = run_tool("promtool", "check", "config", tmp_path / "prometheus.yml")
    assert checked.returncode == 0, checked.stderr
    jobs = yaml.safe_load(text)["scrape_configs"]
    targets = [target for job in jobs for target in job["static_configs"][0]["targets"]]
    assert {target.split(":")[0] for target in targets} <= set(SERVICES)


def test_each_alert_fires_when_it_should():
    checked = run_tool("promtool", "test", "rules", ROOT / "tests" / "compose" / "alerts_test.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_alerts_and_dashboard_ask_for_metrics_there_are():
    metrics = [metric for metric in vars(services.api.metrics).values() if isinstance(metric, MetricWrapperBase)]
    families = [family.name for metric in metrics for family in metric.describe()]
    written = {family + ending for family in families for ending in ("", "_total", "_bucket", "_count", "_sum")}
    asked = set()
    for file in (DOCKER / "monitoring" / "alerts.yml", DOCKER / "monitoring" / "grafana/dashboards/nightshelf.json"):
        asked |= set(re.findall(r"(?<!airflow_)nightshelf_[a-z_]+", file.read_text()))
    assert len(asked) >= 8
    assert asked - written == set()


def test_the_dashboard_is_one_grafana_can_read():
    dashboard = json.loads((DOCKER / "monitoring/grafana/dashboards/nightshelf.json").read_text())
    assert dashboard["uid"] == "nightshelf"
    assert all(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    [source] = yaml.safe_load((DOCKER / "monitoring/grafana/provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}


@pytest.mark.parametrize("file", ["api.Dockerfile", "batch.Dockerfile"])
def test_an_image_is_built_from_the_given_base_with_pinned_packages_and_runs_as_nobody_special(file):
    recipe = (DOCKER / file).read_text().replace("\\\n", " ")
    assert recipe.startswith("ARG BASE_IMAGE=python:3.11-slim-bookworm\n")
    installs = re.findall(r"pip install [^&\n]*", recipe)
    assert installs
    assert all("--no-cache-dir" in line and re.search(r" -c \S*constraints\.txt ", line) for line in installs)
    last_stage = recipe.rsplit("\nFROM ", 1)[1]
    assert re.findall(r"^USER (.+)$", last_stage, re.MULTILINE)[-1] == "10001:10001"


def test_what_the_api_image_installs_names_no_package_of_the_night():
    described = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = described["dependencies"] + described["optional-dependencies"]["api"]
    names = {re.split(r"[\[<>=! ]", requirement)[0] for requirement in needed}
    assert names.isdisjoint({"torch", "pandas", "apache-airflow", "scipy", "scikit-learn", "sentence-transformers"})
    recipe = (DOCKER / "api.Dockerfile").read_text()
    assert "ARG EXTRAS=api\n" in recipe
    assert '".[${EXTRAS}]"' in recipe
