import pytest

from shared.errors import NightshelfError
from shared.recommend.blend import SOURCES
from shared.settings import BlendSettings, load_settings


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


def test_a_misspelt_name_inside_a_group_is_refused(monkeypatch):
    monkeypatch.setenv("NIGHTSHELF_COLLABORATIVE__RNAK", "8")
    with pytest.raises(NightshelfError, match="RNAK"):
        load_settings()


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


def test_weights_follow_from_how_much_someone_has_read():
    blend = BlendSettings(cold_start_books=2, trending_weight=0.1, few_books_trending_weight=0.9)
    content, trending = SOURCES.index("content"), SOURCES.index("trending")
    by_books = {n: blend.weights(n) for n in (0, 1, 2, 3, 9, 90)}
    assert [by_books[n][trending] for n in by_books] == pytest.approx([0.1, 0.1, 0.1, 0.4, 0.2, 0.11])
    assert [by_books[n][content] for n in by_books] == pytest.approx([0.6] * 3 + [0.05] * 3)
    kept = blend.with_content_share(blend.content_share)
    assert kept.weights(9) == pytest.approx(by_books[9])
    assert blend.with_content_share(1).weights(9)[trending] == 0
