import re

import pytest

from shared.environment import COMPOSE_VARIABLES, OTHER_VARIABLES, variable_names
from shared.errors import NightshelfError
from shared.settings import Settings, load_settings
from tests.paths import ROOT


def test_the_environment_is_read_and_overridden(monkeypatch, tmp_path):
    monkeypatch.setenv("NIGHTSHELF_COLLABORATIVE__RANK", "17")
    monkeypatch.setenv("NIGHTSHELF_DATA_DIR", "elsewhere")
    settings = load_settings(data_dir=tmp_path)
    assert settings.collaborative.rank == 17
    assert settings.data_dir == tmp_path
    assert str(load_settings(data_dir=None).data_dir) == "elsewhere"


def test_a_setting_that_is_not_allowed_is_named_with_its_value(monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_COLLABORATIVE__RANK", "one")
    with pytest.raises(NightshelfError, match="NIGHTSHELF_COLLABORATIVE__RANK = 'one'"):
        load_settings()


def test_a_misspelt_variable_is_refused_with_the_closest_name(monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_COLLABORATIVE__RNAK", "8")
    with pytest.raises(NightshelfError, match=r"did you mean NIGHTSHELF_COLLABORATIVE__RANK\?"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "written", "hint"),
    [
        ("NIGHTSHELF_BLEND", "{", "JSON object, for instance '{\"collaborative_weight\": 0.1}'"),
        ("NIGHTSHELF_KAFKA", "foo", 'JSON object, for instance \'{"topic": "nightshelf.events"}\''),
        ("NIGHTSHELF_USER_STATE__POSITIVE_KINDS", "read", 'JSON list, for instance \'["purchase", "rating", "read"]\''),
    ],
)
def test_what_is_not_json_is_named_with_an_example(monkeypatch, variable, written, hint):
    monkeypatch.setenv(variable, written)
    with pytest.raises(NightshelfError) as refused:
        load_settings()
    assert refused.value.what == f"{variable} is not JSON."
    assert hint in refused.value.hint


def test_a_list_with_a_word_that_is_not_allowed_is_named(monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_USER_STATE__SEEN_KINDS", '["foo"]')
    with pytest.raises(NightshelfError, match="NIGHTSHELF_USER_STATE__SEEN_KINDS = 'foo'"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *((name, "anything") for name in sorted(OTHER_VARIABLES)),
        ("NIGHTSHELF_SERVICE_HOST", "10.96.0.1"),
        ("NIGHTSHELF_SERVICE_HOST", "fd00::1"),
        ("NIGHTSHELF_SERVICE_PORT", "8000"),
        ("NIGHTSHELF_API_SERVICE_PORT_HTTP", "8000"),
        ("NIGHTSHELF_PORT", "tcp://10.96.0.1:8000"),
        ("NIGHTSHELF_API_PORT", "tcp://10.96.0.1:8000"),
        ("NIGHTSHELF_PORT_8000_TCP", "tcp://10.96.0.1:8000"),
        ("NIGHTSHELF_PORT_8000_TCP_PROTO", "tcp"),
        ("NIGHTSHELF_PORT_8000_TCP_PORT", "8000"),
        ("NIGHTSHELF_PORT_8000_TCP_ADDR", "10.96.0.1"),
    ],
)
def test_variables_of_containers_and_of_kubernetes_are_no_mistake(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    load_settings()


@pytest.mark.parametrize(
    ("variable", "value", "hint"),
    [
        ("NIGHTSHELF_PORT", "9000", "--port"),
        ("NIGHTSHELF_BIND", "0.0.0.0", "--host"),  # noqa: S104  # refused
        ("NIGHTSHELF_API_PORT", "9000", "NIGHTSHELF_API_PORT"),
        ("NIGHTSHELF_SERVICE_HOST", "my host", "NIGHTSHELF_SERVICE_HOST"),
        ("NIGHTSHELF_PORT_8000_TCP", "yes", "NIGHTSHELF_PORT_8000_TCP"),
    ],
)
def test_a_variable_of_a_service_with_a_value_that_no_platform_writes_is_refused(monkeypatch, variable, value, hint):
    monkeypatch.setenv(variable, value)
    with pytest.raises(NightshelfError) as refused:
        load_settings()
    assert hint in refused.value.what


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_RANKER__ENABLED", "")
    load_settings()


def test_variables_that_are_no_setting_are_exactly_those_in_use():
    """What containers, DAGs, benchmarks and the Makefile name must be a setting or in the list, and the list in use."""
    files = [ROOT / "docker-compose.yml", ROOT / "Makefile"]
    for folder in ("dags", "docker", "benchmarks"):
        files += [path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".env", ".sh", ".Dockerfile"}]
    text = "\n".join(path.read_text() for path in files)
    named = set(re.findall(r"NIGHTSHELF_[A-Z0-9_]*[A-Z0-9]", text))
    assert named - set(variable_names(Settings)) == OTHER_VARIABLES | set(COMPOSE_VARIABLES)


def test_settings_are_frozen():
    settings = load_settings()
    with pytest.raises(Exception, match="frozen"):
        settings.embedder = "other"


@pytest.mark.parametrize("key", ["too short", "long enough, but ünusual"])
def test_an_operator_key_that_will_not_do_is_refused_and_not_repeated(monkeypatch, key):
    monkeypatch.setenv("NIGHTSHELF_PAGE__OPERATOR_KEY", key)
    with pytest.raises(NightshelfError, match="NIGHTSHELF_PAGE__OPERATOR_KEY") as refused:
        load_settings()
    assert key not in str(refused.value)


def test_an_operator_key_that_fits_in_a_header_is_taken(monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_PAGE__OPERATOR_KEY", "long enough, in ASCII")
    settings = load_settings()
    assert settings.page.operator_key.get_secret_value() == "long enough, in ASCII"
    assert "long enough" not in repr(settings)


def test_a_reranker_leaves_a_past_to_learn_from(monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_RERANKER__WINDOWS", "20")
    monkeypatch.setenv("NIGHTSHELF_RERANKER__WINDOW_SHARE", "0.05")
    with pytest.raises(NightshelfError, match="something must come before the first"):
        load_settings()


@pytest.mark.parametrize("brokers", ["localhost:9092", "one.example:9092,two.example:9093"])
def test_brokers_are_hosts_with_ports(brokers):
    assert load_settings(kafka={"brokers": brokers}).kafka.brokers == brokers


@pytest.mark.parametrize("brokers", ["localhost", "localhost:9092,", "one:9092 two:9092"])
def test_what_is_no_host_with_a_port_is_no_broker(brokers):
    with pytest.raises(NightshelfError, match="HOST:PORT"):
        load_settings(kafka={"brokers": brokers})
