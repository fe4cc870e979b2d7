"""What a server on one's own machine must refuse: other pages, other hosts, ways out of its folder, sizes."""

import asyncio
import json

import httpx
import pytest

from preheat.studio.pages.choosing import inside, runs_in, studies_in
from preheat.studio.server import refused
from support.studio_user import user_of

OWN = {"host": "127.0.0.1:8321"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:8321"},
        {"host": "[::1"},
        {**OWN, "origin": "https://evil.example"},
        {**OWN, "origin": "http://127.0.0.1:9999"},
        {**OWN, "origin": "null"},
        {**OWN, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
        {**OWN, "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
    ],
)
def test_others_are_refused(headers):
    """Another host (a name that was pointed here), another page's request, a page of another port."""
    assert refused(headers, 10)[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        OWN,
        {"host": "localhost:1234"},
        {"host": "[::1]:8321", "origin": "http://[::1]:8321"},
        {**OWN, "origin": "http://127.0.0.1:8321", "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"},
        {**OWN, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    ],
)
def test_own_pages_and_links_pass(headers):
    """The page itself, under any name of this machine; a link that was followed."""
    assert refused(headers, 10) is None


def answers(folder, *requests):
    """What the server says to (method, path, options) requests, in order."""

    async def whole():
        async with user_of(folder) as user:
            client = user.http_client
            return [await client.request(method, path, **options) for method, path, options in requests]

    return asyncio.run(whole())


HOSTILE = [
    ("GET", "/design/curve.exe", {}, 400),
    ("GET", "/design/curve.png?updates=1e999", {}, 400),
    ("GET", "/design/curve.csv?updates=999999999", {}, 400),
    ("GET", "/design/curve.svg?s=" + "(" * 1500, {}, 400),
    ("GET", "/design/curve.svg?s=function(%22os:system%22)", {}, 400),
    ("GET", "/design/curve.svg?s=function(%22os:abort%22, length=1) > hold 1&updates=2", {}, 400),
    ("GET", "/design/curve.csv?s=" + "warmup 10%25 > cosine;" * 200, {}, 400),
    ("GET", "/report/run?name=../../etc", {}, 400),
    ("GET", "/report/run?name=/etc", {}, 400),
    ("GET", "/report/run?name=%00", {}, 400),
    ("GET", "/report/study?name=.", {}, 400),
    ("GET", "/report/password?name=.", {}, 400),
    ("GET", "/report/run?name=nothing", {}, 400),
    ("GET", "/report/run?name=way-out", {}, 400),
    ("GET", "/report/run", {}, 400),
    ("GET", "/nothing/here", {}, 404),
    ("POST", "/", {}, 405),
    ("DELETE", "/report/run?name=.", {}, 405),
    ("GET", "/plan", {"headers": {"host": "evil.example"}}, 403),
    ("POST", "/_nicegui/client/x/upload/1", {"headers": {"origin": "https://evil.example"}}, 403),
    ("GET", "/?s=" + "x" * 50_000, {}, 414),
]


def test_every_error_has_one_shape(tmp_path):
    """``kind``, ``message``, ``id`` and ``arguments``, a status that fits, and no path beyond what was asked."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "way-out").symlink_to("/etc")
    found = answers(tmp_path / "inside", *(request[:3] for request in HOSTILE))
    for answer, (method, path, _, status) in zip(found, HOSTILE, strict=True):
        assert answer.status_code == status, (method, path[:80], answer.text[:300])
        body = json.loads(answer.text)
        assert set(body) == {"error"}, path
        assert set(body["error"]) == {"kind", "message", "id", "arguments"}, path
        assert "Traceback" not in body["error"]["message"]
        assert len(body["error"]["message"]) < 5000


@pytest.mark.parametrize(
    "query",
    [
        "updates=999999999&s=warmup+10%25+>+cosine+to+0",
        "s=" + "repeat(" * 60 + "hold 1" + ")" * 60,
        "s=%3Cscript%3Ealert(1)%3C/script%3E&s=%27%22%3E%3Cimg+src=x%3E",
        "s=piecewise&updates=5",
        "s=function('os:abort', length=1) > hold",
        "s=repeat(hold 1, times=1000000000)&updates=1000000000",
        "s=repeat(warmup 1 > linear 2)&updates=1000000000",
        "s=warmup+1+>+cosine+1000000000000000000000&updates=10",
        "lr=1e308&updates=10",
        "s=&s=+&s=>",
        "epoch=1e-300&updates=1000000&axis=epoch",
        "lang=../../x&theme=%22%3E",
    ],
)
def test_strange_designs_open(tmp_path, query):
    """Huge, nested, hostile or broken: a page comes, and none of it is markup."""
    (answer,) = answers(tmp_path, ("GET", f"/?{query}", {}))
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "<img src=x>" not in answer.text


def test_every_page_forbids_other_sources(tmp_path):
    """Headers of a page: nothing is loaded from elsewhere, nothing frames it."""
    for answer in answers(tmp_path, *(("GET", path, {}) for path in ("/", "/plan", "/design/curve.csv?updates=9"))):
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert not {"http:", "https:", "ws:", "wss:", "*"} & set(policy.replace(";", "").split())
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_web_socket_of_another_page_is_closed(tmp_path):
    """The live connection has the same guard as pages."""
    from preheat.studio.server import Guard

    sent = []

    async def app(*_):
        raise AssertionError("must not be reached")

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "headers": [(b"host", b"127.0.0.1:8321"), (b"origin", b"https://evil.example")]}
    asyncio.run(Guard(app)(scope, None, send))
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_runs_and_studies_are_found_by_what_they_hold(tmp_path):
    """Newest first; stages of studies, hidden folders, deep ones and links are left out."""
    for name in ("a", "b/c", ".hidden", "study/stages/1", "1/2/3/4"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "records.jsonl").write_text("")
    (tmp_path / "study" / "study.json").write_text("{}")
    assert sorted(runs_in(tmp_path)) == ["a", "b/c"]
    assert studies_in(tmp_path) == ["study"]
    assert inside(tmp_path, "b/c") == tmp_path / "b" / "c"


def test_the_client_asks_this_machine(tmp_path):
    """The requests above are let in by their host: without it the same page is refused."""
    assert httpx.URL("http://127.0.0.1:8321").host == "127.0.0.1"
    good, bad = answers(tmp_path, ("GET", "/plan", {}), ("GET", "/plan", {"headers": {"host": "test"}}))
    assert (good.status_code, bad.status_code) == (200, 403)
