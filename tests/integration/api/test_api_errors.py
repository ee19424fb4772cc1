"""Errors over HTTP: always a problem document with what, where and a hint, and never a server error."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_from_bytes

import pytest

pytest_plugins = ["tests.worlds.api_fixtures"]

# Where text is taken, in a path or a query.
PLACES = [
    "/books/{text}/similar", "/api/books/search?q={text}", "/api/books/{text}", "/api/books?ids={text}",
    "/api/recommendations/user/{text}", "/api/popular?genre={text}",
]  # fmt: skip
JSON = {"Content-Type": "application/json"}


def assert_problem(response, *statuses):
    assert response.status_code in (statuses or range(400, 500)), response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["type"].startswith("urn:nightshelf:")
    assert problem["title"]
    assert problem["detail"]
    assert problem["hint"]
    return problem


class TestWhatFastapiSaysItself:
    @pytest.mark.parametrize(
        "path", ["/nope", "/api", "/api/nope/../nope", "/etc/passwd", "/books/x", "/%00", "/a%0Ab"]
    )
    def test_nothing_is_there(self, api, path):
        problem = assert_problem(api.get(path), 404)
        assert problem["type"] == "urn:nightshelf:not-found"

    def test_a_very_long_path_is_not_repeated_at_length(self, api):
        assert len(assert_problem(api.get("/" + "x" * 5000), 404)["detail"]) < 300

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [("GET", "/api/events", "POST"), ("PUT", "/api/events", "POST"), ("DELETE", "/api/books/dune", "GET"),
         ("POST", "/books/dune/similar", "GET"), ("PATCH", "/recommend", "POST"), ("OPTIONS", "/healthz", "GET")],
    )  # fmt: skip
    def test_a_method_is_not_allowed(self, api, method, path, allowed):
        response = api.client.request(method, path)
        problem = assert_problem(response, 405)
        assert response.headers["allow"] == allowed
        assert method in problem["detail"]
        assert path in problem["detail"]

    def test_several_faults_are_all_named(self, api):
        problem = assert_problem(api.get("/api/books/search?limit=0"), 422)
        assert [fault["where"] for fault in problem["errors"]] == ["query.q", "query.limit"]


@pytest.mark.parametrize("path", ["/api/events", "/recommend"])
class TestBodies:
    def send(self, api, path, body, headers=JSON):
        return api.client.post(path, content=body, headers=headers)

    @pytest.mark.parametrize(
        "body",
        [
            b"{", b"[1,", b"nonsense", b"{'event_id': 1}", b"\xff\xfe", b'{"a": "\xff"}', b'{"book_name": "\xc3"}',
            b"[" * 100_000,
            b"[" * 100_000 + b"]" * 100_000, b"9" * 5000, b'{"book_name": ' + b"9" * 5000 + b"}", b"\x00",
        ],
    )  # fmt: skip
    def test_what_is_not_json_is_refused(self, api, path, body):
        problem = assert_problem(self.send(api, path, body), 400, 422)
        assert "JSON" in problem["detail"] or "type" in problem["detail"]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"{}",
            b"true",
            b"0",
            b"NaN",
            b"[]",
            b'"\\ud800"',
            b'"\xed\xa0\x80"',
            b'"' + b"x" * 10_000 + b'"',
        ],
    )
    def test_json_of_another_shape_is_refused(self, api, path, body):
        assert_problem(self.send(api, path, body), 422)

    @pytest.mark.parametrize(
        "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"]
    )
    def test_another_content_type_is_refused_and_named(self, api, path, content_type):
        problem = assert_problem(self.send(api, path, b"{}", {"Content-Type": content_type}), 415)
        assert "application/json" in problem["detail"]

    def test_no_content_type_is_refused(self, api, path):
        assert_problem(self.send(api, path, b"{}", {}), 415)

    @pytest.mark.parametrize(
        "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"]
    )
    def test_json_by_any_name_is_read(self, api, path, content_type):
        assert_problem(self.send(api, path, b"{}", {"Content-Type": content_type}), 422)


class TestText:
    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize(
        "raw",
        [
            b"\xff", b"\xff\xfe\xfd", b"caf\xe9", b"\xc3\x28", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x00", b"a\x00b",
            b"\x01", b"\x1b[2J", b"\x7f", b"\xc2\x85", b"x\r\nSet-Cookie: a=b", b"u" * 201, "é".encode() * 201,
            b"u" * 20_000, b"", b" ", b"\t", b"\xe2\x80\x83", b"\xc2\xa0",
        ],
        ids=lambda raw: repr(raw[:12]),
    )  # fmt: skip
    def test_what_is_no_text_is_refused(self, api, place, raw):
        response = api.get(place.format(text=quote_from_bytes(raw, safe="")))
        if place.startswith("/api/popular") and not raw:
            assert response.status_code == 200, "no genre asked for"
        else:
            assert_problem(response, 404, 422)

    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize(
        "text",
        [
            "../../etc/passwd", "..\\..\\windows", "/etc/passwd", "//evil.example/x", "C:\\", "%00", "%2e%2e%2f", "?",
            "#", "&", "a=b&c=d", "%", "%%", "%zz", "'", '"', "<script>alert(1)</script>", "{{7*7}}", "${jndi:x}",
            "' OR 1=1 --", "*", "[", "\\", "📚", "u" * 200,
            "\u202e", "\u200b", "e\u0301", "\U0010ffff", "日本語", "שלום", "null", "0", "-1", "NaN",
        ],
    )  # fmt: skip
    def test_strange_text_is_only_text(self, api, place, text):
        response = api.get(place.format(text=quote(text, safe="")))
        if response.status_code == 200:
            assert response.headers["content-type"] == "application/json"
        else:
            assert_problem(response, 404, 422)

    @pytest.mark.parametrize("name", ["a\u0000", "\ud800", "b\udfff", "", "   ", "n" * 201, "\u0085", "x\ny"])
    def test_what_is_no_text_is_refused_in_a_body(self, api, name):
        event = {"event_id": "e", "user_id": "u", "book_id": "dune", "kind": "read"}
        for path, body, where in (
            ("/recommend", {"book_name": name}, "body.book_name"),
            *(("/api/events", event | {field: name}, field) for field in ("event_id", "user_id", "book_id")),
        ):
            response = api.client.post(path, content=json.dumps(body).encode(), headers=JSON)
            assert assert_problem(response, 422)["where"] == where

    def test_what_is_wrong_is_said_in_words(self, api):
        problem = assert_problem(api.get("/api/books/search?q=%FF"), 422)
        assert "UTF-8" in problem["detail"]
        assert "^" not in problem["detail"], "no regular expression"


@pytest.mark.parametrize(
    "path", ["/books/dune/similar", "/api/books/search?q=x", "/api/popular", "/api/recommendations/user/x"]
)
@pytest.mark.parametrize(
    "limit",
    ["0", "-1", "101", "1e9", "1000000000", "abc", "", "1.5", "0x10", "NaN", "Infinity", "٣x", "9" * 5000, "%00"],
)
def test_absurd_limits_are_refused_by_name(api, path, limit):
    problem = assert_problem(api.get(f"{path}{'&' if '?' in path else '?'}limit={limit}"), 422)
    assert problem["where"] == "query.limit"


class TestOnTheWire:
    """Bytes that no client library would send. What is no HTTP at all is refused by the server before the API."""

    @pytest.mark.parametrize(
        "line",
        [
            b"GET /books/%/similar", b"GET /books/%zz%1/similar", b"GET /api/books/%2E%2E/%2e%2e/etc/passwd",
            b"GET /../../etc/passwd", b"GET /books/../../etc/passwd/similar", b"GET //", b"GET //books//x//similar",
            b"GET /books/;/similar", b"GET http://evil.example/books/qzxvw/similar", b"GET *",
            b"GET /api/books/search?limit=5", b"GET /api/books/search?q=%&q=%FF", b"GET /api/books?ids=%00",
            b"GET /api/recommendations/user/..%00",
        ],
    )  # fmt: skip
    def test_odd_targets(self, api, line):
        answer = api.send_raw(line)
        assert 400 <= answer.status < 500
        assert answer.content_type == "application/problem+json"
        assert json.loads(answer.body)["status"] == answer.status

    @pytest.mark.parametrize(
        "line",
        [b"GET /books/\xff\xfe/similar", b"GET /books/a b/similar", b"GET /\x00", b"\x16\x03\x01", b"G\xc3\x89T /"],
    )
    def test_no_http(self, api, line):
        assert api.send_raw(line).status == 400

    def test_a_body_in_another_encoding(self, api):
        for encoding in ("utf-16", "latin-1"):
            body = '{"book_name": "Émile"}'.encode(encoding)
            answer = api.send_raw(b"POST /recommend", JSON, body)
            assert answer.status in (200, 400, 422)
            assert answer.content_type.startswith("application/")

    def test_a_percent_sign_is_read_once(self, api):
        answer = api.send_raw(b"GET /books/The%20Per%252Fcent%20Sign/similar")
        assert answer.status == 200
        assert json.loads(answer.body)["book"]["book_id"] == "%2F"
