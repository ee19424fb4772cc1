"""A published world for tests of the HTTP API: the demo, and a shelf of books that are awkward to name in a URL."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import quote

import httpx
import pandas as pd
import uvicorn
from fastapi import FastAPI

from services.api.app import create_app
from services.batch.night.nightly import run_night
from services.batch.runtime.context import RunContext
from services.batch.sources.demo.source import DemoSource
from services.batch.sources.rejects import RejectLog
from services.cli.serve import LAST_REQUESTS_SECONDS
from shared.redis import connect_for_batch
from shared.settings import Settings, load_settings

ODD_READER = 'odd/reader?#% "é" 📚'
N_ODD_READERS = 40
_BEANS = (
    "How to keep beans, leeks and onions over winter: in sand, in straw, in a dry attic, pickled in jars, or hung in "
    "nets from the rafters. With tables of weights and prices, forty soups, a calendar for the kitchen garden, advice "
    "on moles, slugs and frost, and a chapter on ladles. For cooks, gardeners and everyone who has a cellar."
)
_ODD_BOOKS: tuple[tuple[str, str, list[str], str | None], ...] = (
    # id, title, authors, description
    ("dallas/11-22-63", "11/22/63", ["Stephen King"], "A teacher walks through a pantry into 1958 to stop a murder."),
    ("what?", "What Is to Be Done?", ["Nikolay Chernyshevsky"], "Seamstresses found a cooperative and dream of glass."),
    ("100%", "100% Wolf", ["Jayne Lyons"], "A young werewolf turns into a poodle on the night of his first change."),
    ("%2F", "The Per%2Fcent Sign", ["N. Coder"], "A typesetter chases a sign that means another sign."),
    ("c#4", "C# in Depth", ["Jon Skeet"], "A programming language, feature by feature and version by version."),
    ("x,y", "Commas, and Other Marks", ["Ann Pause"], "On the small marks that make a sentence breathe."),
    ("\"quoted\"'s", '"Don\'t Read This," Said the Page!', ["Ann Pause"], "A page argues with its reader."),
    ("📚", "The 📚 Club", ["Émile Ωmega"], "Four strangers read one novel aloud in a laundry at night."),
    ("search", "Search", ["Ann Pause"], "A lighthouse keeper looks for the ship that never passed."),
    ("bare", "A Pamphlet Without Anything", [], None),
    ("outsider-camus", "The Outsider", ["Albert Camus"], "A clerk in Algiers does not weep at a funeral."),
    ("outsider-king", "The Outsider", ["Stephen King"], "A coach is seen in two towns at once, and a boy is dead."),
    ("outsider-wright", "The Outsider", ["Richard Wright"], "Reported dead in a wreck, a man tries a new life."),
    ("hobbit-illustrated", "The Hobbit (Illustrated Edition)", ["J.R.R. Tolkien"], "Bilbo, some dwarves, a dragon."),
    ("hobbit-again", "The Hobbit, or There and Back Again", ["J. R. R. Tolkien"], "Bilbo, some dwarves, a dragon."),
    ("dune-deluxe", "Dune (Deluxe Edition)", ["Frank Herbert"], _BEANS),
    ("magic-1", "The Colour of Magic (Discworld, #1)", ["Terry Pratchett"], "A wizard guides the first tourist."),
)  # fmt: skip
ODD_IDS = [book[0] for book in _ODD_BOOKS]
_FIRST_ODD_RATING_SECONDS = 1_700_000_000


ISBNS = {"x,y": ["9780306406157"]}
OTHER_TITLES = {"x,y": ["Von Kommas und Punkten"]}


class OddDemo(DemoSource):
    """The demo with a shelf of awkward books, rated by readers with awkward ids."""

    name = "odd demo"

    def fingerprint(self) -> str:
        """Different from the demo's."""
        return f"odd-{super().fingerprint()}"

    def books(self, rejects: RejectLog) -> pd.DataFrame:
        """The demo's books, then the odd ones."""
        demo = super().books(rejects)
        facts = dict.fromkeys(("year", "series_position", "average_rating", "n_ratings"), float("nan"))
        facts |= {"genres": ["oddities"], "series": None, "image_url": "https://example.org/cover.png"}
        odd = pd.DataFrame(
            [
                {"book_id": book_id, "title": title, "authors": authors, "description": description}
                | {"isbns": ISBNS.get(book_id, []), "other_titles": OTHER_TITLES.get(book_id, [])}
                | facts
                for book_id, title, authors, description in _ODD_BOOKS
            ],
            columns=demo.columns,
        )
        return pd.concat([demo, odd], ignore_index=True).astype(demo.dtypes)

    def interactions(self, rejects: RejectLog) -> pd.DataFrame:
        """The demo's interactions, then ratings of odd books: King's Outsider is rated most, Wright's by nobody."""
        demo = super().interactions(rejects)
        rated = [
            (ODD_READER, "the-hobbit", 5.0), (ODD_READER, "outsider-king", 5.0), (ODD_READER, "dallas/11-22-63", 4.0),
        ]  # fmt: skip
        rated += [(f"odd-{i}", "outsider-king", 4.0) for i in range(N_ODD_READERS)]
        rated += [(f"odd-{i}", "outsider-camus", 5.0) for i in range(N_ODD_READERS // 4)]
        rated += [(f"odd-{i}", "dallas/11-22-63", 5.0) for i in range(N_ODD_READERS)]
        rated += [(f"odd-{i}", "dune-deluxe", 1.0) for i in range(N_ODD_READERS)]
        rated += [(f"odd-{i}", "hobbit-illustrated", 5.0) for i in range(N_ODD_READERS)]
        odd = pd.DataFrame(
            [
                {"user_id": user, "book_id": book, "kind": "rating", "value": value, "time": seconds}
                for seconds, (user, book, value) in enumerate(rated, start=_FIRST_ODD_RATING_SECONDS)
            ]
        )
        text = ["user_id", "book_id", "kind"]
        return pd.concat([demo.astype(dict.fromkeys(text, str)), odd], ignore_index=True)


@dataclass(frozen=True)
class World:
    """A data folder and a Redis prefix with one published generation."""

    settings: Settings
    generation_id: str


def publish_world(folder: Path, redis_url: str, prefix: str) -> World:
    """Run one night over the odd demo."""
    settings = load_settings(data_dir=folder, redis_url=redis_url, redis_prefix=prefix)
    with connect_for_batch(redis_url, settings.redis) as client:
        report = run_night(RunContext(settings, client=client), OddDemo())
    return World(settings, report.generation_id)


class _Announced(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@dataclass
class Api:
    """A client of a server on a real socket.

    `client` speaks as any HTTP client would; `send_raw` sends a request line's bytes as they are.
    """

    client: httpx.Client
    address: tuple[str, int]
    app: FastAPI
    _users: Iterator[int] = field(default_factory=itertools.count)

    def get(self, path: str, **query: object) -> httpx.Response:
        """GET a path that is quoted already; its own query string is kept unless `query` is given."""
        return self.client.get(path, params=query or None)

    def ok(self, path: str, **query: object) -> dict:
        """GET, and the answer of a request that must succeed."""
        response = self.get(path, **query)
        assert response.status_code == 200, response.text
        return response.json()

    def recommend(self, user: str, **query: object) -> dict:
        """Recommendations for a user."""
        return self.ok(f"/api/recommendations/user/{quote(user, safe='')}", **query)

    def similar(self, title: str, **query: object) -> dict:
        """Books like the one of this title."""
        return self.ok(f"/books/{quote(title, safe='')}/similar", **query)

    def report(self, *events: Mapping[str, object]) -> dict:
        """Report a batch of events that the API must answer with 200."""
        response = self.client.post("/api/events", json=list(events))
        assert response.status_code == 200, response.text
        return response.json()

    def new_user(self) -> str:
        """The id of a user nobody has heard of."""
        return f"new-user-{next(self._users)}"

    def send_raw(self, request_line: bytes, headers: Mapping[str, str] | None = None, body: bytes = b"") -> RawAnswer:
        """Send these bytes as a request line, and read the answer."""
        sent = {"Host": "test", "Connection": "close", "Content-Length": str(len(body))} | dict(headers or {})
        lines = [request_line + b" HTTP/1.1", *(f"{name}: {value}".encode("latin-1") for name, value in sent.items())]
        with socket.create_connection(self.address, timeout=30) as connection:
            connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            answer = HTTPResponse(connection)
            answer.begin()
            return RawAnswer(answer.status, answer.headers.get("Content-Type", ""), answer.read())


@dataclass(frozen=True)
class RawAnswer:
    """What came back on the wire."""

    status: int
    content_type: str
    body: bytes


@contextmanager
def serving(settings: Settings) -> Iterator[Api]:
    """Serve these settings from a thread, on a port of its own."""
    app = create_app(settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app,
            log_level="error",
            lifespan="on",
            access_log=False,
            timeout_graceful_shutdown=LAST_REQUESTS_SECONDS,
        )
        server = _Announced(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        assert server.listening.wait(60), "the server did not start"
        address = listener.getsockname()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{address[1]}", timeout=30) as client:
                yield Api(client, address, app)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive(), "the server did not stop"
