"""Operations: what is served, how the service runs, and rollback with the operator key."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from services.batch.runtime.lease import only_run, release, step_of
from shared.layout import DataFolder
from tests.web.shelf_world import OPERATOR_KEY
from tests.worlds.api_world import serving


def short(generation):
    return generation.split("-")[-1]


def test_it_says_what_is_served_how_good_it_is_and_what_the_gate_made_of_it(visitor, api):
    served = api.ok("/api/operations")["served"]
    panel = visitor.go("#/operations").locator("[data-panel='served']")
    expect(visitor.page.locator(".lead")).to_contain_text(short(served["id"]))
    expect(panel).to_contain_text("simulated readers")
    expect(panel).to_contain_text(f"{served['metrics']['served']['ndcg_at_10']['value']:.3f}")
    reason = re.sub(r"[-+](0\.0+)(?!\d)", r"\1", served["gate"]["reason"])
    expect(panel.locator(".verdict")).to_contain_text(reason)
    expect(panel).to_contain_text(re.compile(r"ago|now"))


def test_a_difference_of_nothing_has_no_sign(visitor):
    def with_nothing(route):
        told = route.fetch().json()
        told["served"]["gate"] = told["served"]["gate"] | {"reason": "Changed by -0.0000, from -0.0012 to +0.0000."}
        route.fulfill(json=told)

    visitor.page.route("**/api/operations", with_nothing)
    verdict = visitor.go("#/operations").locator("[data-panel='served'] .verdict")
    expect(verdict).to_contain_text("Changed by 0.0000, from -0.0012 to 0.0000.")


def test_it_tells_the_last_run_step_by_step(visitor):
    steps = visitor.go("#/operations").locator(".step")
    assert [step.get_attribute("data-step") for step in steps.all()] == [
        "ingest", "embed", "factor", "top-n", "index", "evaluate", "gate", "lists", "user state", "verify", "report",
        "publish",
    ]  # fmt: skip
    assert {step.get_attribute("data-status") for step in steps.all()} == {"done"}
    expect(steps.first).to_contain_text("books")


def test_it_shows_history_latency_and_redis(visitor, shop):
    page = visitor.go("#/operations")
    rows = page.locator("[data-panel='history'] tbody tr")
    assert {row.get_attribute("data-generation") for row in rows.all()} == set(shop[1])
    expect(page.locator("[data-panel='latency']")).to_contain_text("/api/page")
    redis = page.locator("[data-panel='redis']")
    expect(redis).to_have_attribute("data-state", "up")
    expect(redis).to_contain_text("noeviction")


def test_the_report_is_linked_where_there_is_one(visitor, shop, api):
    reports = DataFolder(shop[0].data_dir).reports / api.ok("/readyz")["generation"]
    away = reports.rename(reports.with_name("away"))
    page = visitor.go("#/operations")
    expect(page.locator("[data-panel='served']")).to_contain_text("No quality report")
    away.rename(reports)
    page.get_by_role("button", name="Refresh").click()
    page.get_by_role("link", name="Quality report").click()
    expect(page.get_by_role("heading", name=re.compile("The served pipeline finds"))).to_be_visible()


class TestRollback:
    @pytest.fixture
    def asked(self, visitor, shop):
        """The dialog to go back to the first generation."""
        page = visitor.go("#/operations")
        page.get_by_role("button", name=f"Roll back to {short(shop[1][0])}").click()
        return page.get_by_role("dialog")

    def test_nothing_happens_without_confirmation(self, asked, shop, api):
        expect(asked).to_contain_text(shop[1][0])
        asked.get_by_role("button", name="Cancel").click()
        expect(asked).to_have_count(0)
        assert api.ok("/readyz")["generation"] == shop[1][1]

    def test_a_wrong_key_is_refused(self, asked, shop, api):
        asked.get_by_label("Operator key").fill("a key of my own making")
        asked.get_by_role("button", name="Roll back").click()
        expect(asked.get_by_role("alert")).to_contain_text("key is wrong")
        assert api.ok("/readyz")["generation"] == shop[1][1]

    def test_with_the_key_the_earlier_generation_is_served(self, asked, visitor, shop, api):
        first, second = shop[1]
        asked.get_by_label("Operator key").fill(OPERATOR_KEY)
        asked.page.keyboard.press("Enter")
        page = visitor.page
        expect(page.locator(f"[data-generation='{first}']")).to_contain_text("served")
        assert api.ok("/readyz")["generation"] == first
        page.get_by_role("button", name=f"Roll back to {short(second)}").click()
        page.get_by_label("Operator key").fill(OPERATOR_KEY)
        page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
        expect(page.locator(f"[data-generation='{second}']")).to_contain_text("served")

    def ask(self, api, **body):
        return api.client.post("/api/operations/rollback", json=body, headers={"X-Operator-Key": OPERATOR_KEY})

    def test_when_something_else_is_served_by_now_nothing_happens(self, api, shop):
        first, second = shop[1]
        refused = self.ask(api, to=first, expected=first)
        assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
        assert "no longer" in refused.json()["detail"]
        assert api.ok("/readyz")["generation"] == second

    def test_nothing_happens_while_a_run_is_at_work(self, api, shop):
        settings, (first, second) = shop
        with only_run(DataFolder(settings.data_dir), lease_minutes=1):
            refused = self.ask(api, to=first, expected=second)
        assert (refused.status_code, refused.json()["title"]) == (409, "A run is at work")
        with step_of(DataFolder(settings.data_dir), "tonight", lease_minutes=1):
            pass
        try:
            assert "tonight" in self.ask(api, to=first, expected=second).json()["detail"]
        finally:
            release(DataFolder(settings.data_dir), "tonight")
        assert api.ok("/readyz")["generation"] == second

    def test_what_is_damaged_is_not_served(self, api, shop):
        settings, (first, second) = shop
        manifest = DataFolder(settings.data_dir).generations / f"{first}.json"
        whole = manifest.read_bytes()
        manifest.write_text("{}")
        try:
            assert self.ask(api, to=first, expected=second).json()["title"] == "Not fit to be served"
        finally:
            manifest.write_bytes(whole)
        assert api.ok("/readyz")["generation"] == second

    def test_without_a_key_configured_there_is_no_such_button(self, visit, shop):
        settings = shop[0].model_copy(update={"page": shop[0].page.model_copy(update={"operator_key": None})})
        with serving(settings) as keyless:
            page = visit(keyless).go("#/operations")
            expect(page.locator("[data-panel='history'] tbody tr")).to_have_count(2)
            expect(page.locator("[data-act='rollback']")).to_have_count(0)
