"""A client of the distribution API that checks every answer it gets, and keeps count.

Registry sends requests; Results runs named tests, goes on after one that failed, and knows how many did.
"""
import contextlib
import hashlib
import http.client
import json
import urllib.parse

# The codes that the OCI specification lists. A registry may have more, but not for what is tested here.
CODES = {"BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN",
         "MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED",
         "DENIED", "UNSUPPORTED", "TOOMANYREQUESTS"}


class Failed(Exception):
    """An answer is not what the specification wants."""


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise Failed(what)


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


class Results:
    def __init__(self):
        self.passed, self.failures = 0, []

    @contextlib.contextmanager
    def test(self, name: str):
        try:
            yield
            self.passed += 1
        except Failed as failure:
            self.failures.append(f"{name}: {failure}")
        except (LookupError, TypeError, ValueError, OSError, http.client.HTTPException) as failure:
            self.failures.append(f"{name}: an answer of the wrong shape: {failure!r}")


class Answer:
    def __init__(self, request: str, answer: http.client.HTTPResponse):
        self.request, self.status, self.headers, self.body = request, answer.status, answer.headers, answer.read()

    def wants(self, *statuses: int) -> "Answer":
        expect(self.status in statuses, f"{self.request}: {self.status}, not one of {statuses}: {self.body[:200]!r}")
        return self

    def has(self, header: str, value: str | None = None) -> "Answer":
        got = self.headers.get_all(header) or []
        expect(value in got if value is not None else bool(got), f"{self.request}: {header} is {got}, not {value!r}")
        return self

    def holds(self, content: bytes) -> "Answer":
        expect(self.body == content, f"{self.request}: {len(self.body)} bytes that are not the {len(content)} expected")
        return self.has("Content-Length", str(len(content)))

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            raise Failed(f"{self.request}: not JSON: {self.body[:200]!r}")

    def tells_why(self) -> "Answer":
        """A refusal whose body says why, as the specification words it."""
        errors = self.json().get("errors")
        expect(isinstance(errors, list) and bool(errors), f"{self.request}: no list of errors: {self.body[:200]!r}")
        expect(errors[0].get("code") in CODES, f"{self.request}: {errors[0]} has no code of the specification")
        return self

    @property
    def location(self) -> str:
        return self.has("Location").headers["Location"]


class Registry:
    """One keep-alive connection: a stray byte behind an answer spoils the next one, so it does not go unseen."""

    def __init__(self, base: str):
        self.base = base
        self.http = http.client.HTTPConnection(urllib.parse.urlsplit(base).netloc, timeout=60)

    def call(self, method: str, where: str, body: bytes = b"", headers=(), query=()) -> Answer:
        """`where` is a path or a Location; `query` is added to what it has."""
        parts = urllib.parse.urlsplit(urllib.parse.urljoin(self.base, where))
        pairs = urllib.parse.parse_qsl(parts.query) + list(query)
        target = parts.path + ("?" + urllib.parse.urlencode(pairs) if pairs else "")
        self.http.putrequest(method, target)
        if body or method in ("POST", "PUT", "PATCH"):
            self.http.putheader("Content-Length", str(len(body)))
        for name, value in headers:
            self.http.putheader(name, value)
        try:
            self.http.endheaders(body or None)
            return Answer(f"{method} {target}", self.http.getresponse())
        except (OSError, http.client.HTTPException):
            self.http.close()  # the next request takes a new one
            raise
