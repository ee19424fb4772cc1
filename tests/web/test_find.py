"""Find and Book: suggestions, "did you mean", and a book with its neighbours."""

from __future__ import annotations

from playwright.sync_api import expect


def search_box(page):
    return page.get_by_role("combobox", name="Title or author")


class TestSuggestions:
    def test_they_come_as_one_types_and_forgive_typing_errors(self, visitor):
        page = visitor.go("")
        search_box(page).press_sequentially("tolkein hobit")
        expect(page.get_by_role("option").first).to_contain_text("The Hobbit")
        expect(page.get_by_role("option").first).to_contain_text("J.R.R. Tolkien")

    def test_one_is_chosen_by_a_click(self, visitor):
        page = visitor.go("")
        search_box(page).fill("hobbit")
        page.get_by_role("option", name="The Hobbit").first.click()
        expect(page.get_by_role("heading", level=1, name="The Hobbit")).to_be_visible()

    def test_escape_closes_them(self, visitor):
        page = visitor.go("")
        search_box(page).fill("dune")
        expect(page.get_by_role("option").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("listbox")).to_be_hidden()
        assert search_box(page).input_value() == "dune"


class TestSearch:
    def test_a_title_is_found_however_it_is_written(self, visitor):
        page = visitor.go("")
        search_box(page).fill("the HOBBIT")
        page.keyboard.press("Enter")
        expect(page.locator("[data-found='the-hobbit'] .tile")).not_to_have_count(0)

    def test_up_to_seven_buttons_fill_the_box_and_search_again(self, visitor):
        page = visitor.go("#/find?q=hary%20poter")
        buttons = page.locator(".meant button")
        assert 1 <= buttons.count() <= 7
        wanted = buttons.filter(has_text="Harry Potter").first
        title = wanted.locator("span").inner_text()
        wanted.click()
        expect(page.locator(".found h2")).to_have_text(title)
        assert search_box(page).input_value() == title

    def test_nonsense_is_answered_with_a_word(self, visitor):
        page = visitor.go("#/find?q=xqzzkvw%20jjqq")
        expect(page.locator("[data-found='nothing']")).to_contain_text("No book is called")

    def test_the_address_says_what_was_searched_and_back_goes_back(self, visitor):
        page = visitor.go("#/find?q=Dune")
        page.locator(".found h2 a").click()
        expect(page.get_by_role("heading", level=1, name="Dune")).to_be_visible()
        page.go_back()
        expect(page.locator(".found h2")).to_have_text("Dune")


class TestBook:
    def test_it_says_what_is_known_of_it(self, visitor, api):
        record = api.ok("/api/books/dune")
        page = visitor.go("#/book/dune")
        head = page.locator(".book-head")
        expect(head).to_contain_text(record["description"][:60])
        expect(head).to_contain_text(record["tribe"]["name"])
        expect(head).to_contain_text(f"★ {record['average_rating']:.1f} from {record['n_ratings']:,} simulated ratings")

    def test_neighbours_are_split_and_each_has_its_reason(self, visitor, api):
        near = api.ok("/api/neighbours/dune", limit=7)
        page = visitor.go("#/book/dune")
        for name, books in (("content", near["by_content"]), ("readers", near["by_readers"])):
            tiles = page.locator(f"[data-list='{name}'] .tile")
            assert [tile.get_attribute("data-book") for tile in tiles.all()] == [book["book_id"] for book in books]
            assert len(books) >= 3
            assert all(note.inner_text().strip() for note in tiles.locator(".tile-note").all())
        expect(page.locator("[data-list='readers']")).to_contain_text("simulated readers")

    def test_a_prequel_has_no_position_in_its_series(self, visitor):
        head = visitor.go("#/book/the-hobbit").locator(".book-head")
        expect(head.get_by_text("1937 · Middle-earth", exact=True)).to_be_visible()

    def test_without_an_id_books_are_looked_for(self, visitor):
        page = visitor.go("#/book/")
        expect(search_box(page)).to_be_visible()
        expect(page.locator(".empty")).to_have_count(0)

    def test_an_unknown_book_is_told(self, visitor):
        page = visitor.go("#/book/no-such-book")
        expect(page.locator(".empty")).to_contain_text("Unknown book")


def test_the_same_title_always_has_the_same_cover_and_others_have_others(visitor):
    page = visitor.go("")
    looks = "covers => covers.map(cover => cover.outerHTML)"
    first = page.locator(".cover").evaluate_all(looks)
    page.reload()
    visitor.arrived()
    assert page.locator(".cover").evaluate_all(looks) == first
    assert len({look.split(">")[0] for look in first}) > 10
