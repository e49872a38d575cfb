"""What the newer conformance program asserts beyond the workflows: every way of uploading under every algorithm, every
shape of content through its whole life, and deletions that hold at once. Also what version 1.2 adds: required digest
headers, cancelled uploads, tags as parameters, an algorithm chosen at the start."""
import json
import os

import uploads
from client import Registry, Results, digest_of, expect
from content import IMAGE, INDEX, Set, sets

ACCEPT = [("Accept", INDEX), ("Accept", IMAGE)]


class Strict:
    def __init__(self, registry: Registry, results: Results, repository: str, other: str, automatic_mount: bool):
        self.registry, self.results, self.automatic_mount = registry, results, automatic_mount
        self.repository, self.other = repository, other

    def run(self) -> None:
        self.empty()
        for algorithm in ("sha256", "sha512"):
            with self.test(f"the way through blobs, {algorithm}"):
                self.blobs(algorithm)
        for what in sets():
            with self.test(f"the life of {what.name}"):
                self.life_of(what)
        self.wrong_manifests()

    def call(self, method: str, path: str, *arguments, **more):
        return self.registry.call(method, f"/v2/{self.repository}/{path}", *arguments, **more)

    def test(self, name: str):
        return self.results.test(name)

    def empty(self) -> None:
        with self.test("the API is there"):
            self.registry.call("GET", "/v2/").wants(200)
        with self.test("tags of a repository that nobody pushed to"):
            self.call("GET", "tags/list").wants(200, 404)
        with self.test("referrers in a repository that nobody pushed to"):
            expect(self.referrers(digest_of(os.urandom(9))) == [], "there are some")

    # ------------------------------------------------------------ blobs

    def blobs(self, algorithm: str) -> None:
        with self.test(f"{algorithm}: a blob that is not there"):
            self.call("GET", f"blobs/{digest_of(os.urandom(9), algorithm)}").wants(404)
        for name, way in uploads.WAYS.items():
            for size in (512, 3 * 1024 - 5):
                with self.test(f"{algorithm}: {size} bytes, {name}"):
                    self.life_of_blob(os.urandom(size), algorithm, way)
            with self.test(f"{algorithm}: under a wrong digest, {name}"):
                content = os.urandom(3000)
                digest = digest_of(content, algorithm)
                way(self.registry, self.repository, content + b"more", digest)
                self.call("HEAD", f"blobs/{digest}").wants(404)
        for name, content in (("nothing at all", b""), ("an empty object", b"{}")):
            with self.test(f"{algorithm}: {name}"):
                self.life_of_blob(content, algorithm, uploads.in_put)
                self.life_of_blob(content, algorithm, uploads.in_post)
        with self.test(f"{algorithm}: named at the start"):
            content = os.urandom(5000)
            location = uploads.begin(self.registry, self.repository, digest_algorithm=algorithm)
            answer = self.registry.call("PATCH", location, content, [uploads.OCTETS]).wants(202)
            uploads.finish(self.registry, answer.location, content, digest_of(content, algorithm))
        with self.test("an algorithm that nobody knows"):
            self.call("POST", "blobs/uploads/", query=[("digest-algorithm", "sha3")]).wants(400).tells_why()
        with self.test("a cancelled upload is gone"):
            location = uploads.begin(self.registry, self.repository)
            self.registry.call("DELETE", location).wants(204)
            self.registry.call("GET", location).wants(404).tells_why()
        self.mounts(algorithm)
        self.ranges(algorithm)

    def life_of_blob(self, content: bytes, algorithm: str, way) -> None:
        digest = digest_of(content, algorithm)
        way(self.registry, self.repository, content, digest)
        self.look_at_blob(content, digest)
        self.delete(f"blobs/{digest}")

    def look_at_blob(self, content: bytes, digest: str) -> None:
        head = self.call("HEAD", f"blobs/{digest}").wants(200)
        head.has("Docker-Content-Digest", digest).has("Content-Length", str(len(content)))
        self.call("GET", f"blobs/{digest}").wants(200).has("Docker-Content-Digest", digest).holds(content)

    def delete(self, path: str) -> None:
        self.call("DELETE", path).wants(202)
        self.call("HEAD", path).wants(404)

    def mounts(self, algorithm: str) -> None:
        for source in (self.other, None):
            content = os.urandom(512)
            digest = digest_of(content, algorithm)
            with self.test(f"{algorithm}: mounted from {'anywhere' if source is None else 'another repository'}"):
                uploads.in_put(self.registry, self.other, content, digest)
                works = source is not None or self.automatic_mount
                check = uploads.check_mounted if works else uploads.check_not_mounted
                check(self.registry, self.repository, digest, source, content)
                self.look_at_blob(content, digest)
                self.delete(f"blobs/{digest}")
                self.registry.call("GET", f"/v2/{self.other}/blobs/{digest}").wants(200)
        with self.test(f"{algorithm}: mounting what is not there becomes an upload"):
            content = os.urandom(512)
            digest = digest_of(content, algorithm)
            uploads.check_not_mounted(self.registry, self.repository, digest, self.other, content)

    def ranges(self, algorithm: str) -> None:
        content = os.urandom(2048)
        digest = digest_of(content, algorithm)
        uploads.in_put(self.registry, self.repository, content, digest)
        for wanted, start, end in (("500-1499", 500, 1500), ("500-", 500, 2048), ("-500", 1548, 2048),
                                   ("2000-5000", 2000, 2048)):
            with self.test(f"{algorithm}: range {wanted}"):
                answer = self.call("GET", f"blobs/{digest}", headers=[("Range", f"bytes={wanted}")]).wants(206)
                answer.has("Content-Range", f"bytes {start}-{end - 1}/2048").holds(content[start:end])
        for wanted in ("500-0", "5000-10000"):
            with self.test(f"{algorithm}: range {wanted}, which cannot be"):
                self.call("GET", f"blobs/{digest}", headers=[("Range", f"bytes={wanted}")]).wants(416)
        self.delete(f"blobs/{digest}")

    # ------------------------------------------------------------ manifests

    def life_of(self, what: Set) -> None:
        ways = list(uploads.WAYS.values())
        for number, (digest, content) in enumerate(what.blobs.items()):
            with self.test(f"{what.name}: push a blob"):
                ways[number % len(ways)](self.registry, self.repository, content, digest)
        for digest, content in what.manifests.items():
            self.push_manifest(what, digest, content)
        self.list_tags(what)
        for reference in [*what.tags, *what.manifests]:
            with self.test(f"{what.name}: pull {reference}"):
                self.look_at_manifest(what, reference, what.tags.get(reference, reference))
        for digest, content in what.blobs.items():
            with self.test(f"{what.name}: pull a blob"):
                self.look_at_blob(content, digest)
        for subject, wanted in what.referrers.items():
            self.look_at_referrers(what, subject, wanted)
        for path in ([f"manifests/{tag}" for tag in what.tags] +
                     [f"manifests/{digest}" for digest in reversed(what.manifests)] +
                     [f"blobs/{digest}" for digest in what.blobs]):
            with self.test(f"{what.name}: delete {path}"):
                self.delete(path)
        for subject in what.referrers:
            with self.test(f"{what.name}: nothing refers to the subject any more"):
                expect(self.referrers(subject) == [], "something does")

    def push_manifest(self, what: Set, digest: str, content: bytes) -> None:
        tags = [tag for tag, target in what.tags.items() if target == digest]
        with self.test(f"{what.name}: push a manifest by digest"):
            query = [("tag", tag) for tag in tags] if what.tags_as_parameters else []
            answer = self.put(digest, digest, content, query)
            for tag in dict(map(reversed, query)):
                answer.has("OCI-Tag", tag)
        for tag in [] if what.tags_as_parameters else tags:
            with self.test(f"{what.name}: push a manifest by tag"):
                self.put(tag, digest, content)

    def put(self, reference: str, digest: str, content: bytes, query=()):
        document = json.loads(content)
        answer = self.call("PUT", f"manifests/{reference}", content, [("Content-Type", document["mediaType"])], query)
        answer.wants(201).has("Docker-Content-Digest", digest)
        if "subject" in document:
            answer.has("OCI-Subject", document["subject"]["digest"])
        found = self.registry.call("GET", answer.location, headers=ACCEPT).wants(200).holds(content)
        found.has("Content-Type", document["mediaType"])
        return answer

    def look_at_manifest(self, what: Set, reference: str, digest: str) -> None:
        content = what.manifests[digest]
        for method in ("HEAD", "GET"):
            answer = self.call(method, f"manifests/{reference}", headers=ACCEPT).wants(200)
            answer.has("Docker-Content-Digest", digest).has("Content-Type", json.loads(content)["mediaType"])
            answer.has("Content-Length", str(len(content)))
        answer.holds(content)

    def list_tags(self, what: Set) -> None:
        with self.test(f"{what.name}: its tags are listed"):
            tags = self.call("GET", "tags/list").wants(200).json()["tags"]
            expect(set(what.tags) <= set(tags) and tags == sorted(tags), f"{tags} for {list(what.tags)}")
            for last in tags:
                behind = self.call("GET", "tags/list", query=[("last", last)]).wants(200).json()["tags"]
                expect(behind == [tag for tag in tags if tag > last], f"behind {last} are {behind}")

    def referrers(self, subject: str, **query) -> list[dict]:
        answer = self.call("GET", f"referrers/{subject}", query=query.items()).wants(200).has("Content-Type", INDEX)
        if query:
            answer.has("OCI-Filters-Applied", "artifactType")
        document = answer.json()
        expect(document.get("schemaVersion") == 2 and document.get("mediaType") == INDEX, f"no index: {document}")
        return document["manifests"]

    def look_at_referrers(self, what: Set, subject: str, wanted: list[dict]) -> None:
        by_digest = {each["digest"]: each for each in wanted}
        with self.test(f"{what.name}: all that refers to the subject"):
            found = {each["digest"]: each for each in self.referrers(subject)}
            expect(found == by_digest, f"found {found}, wanted {by_digest}")
        for kind in {each["artifactType"] for each in wanted}:
            with self.test(f"{what.name}: what refers to the subject and is {kind}"):
                found = {each["digest"] for each in self.referrers(subject, artifactType=kind)}
                expect(found == {each["digest"] for each in wanted if each["artifactType"] == kind}, f"found {found}")

    def wrong_manifests(self) -> None:
        what = Set("wrong")
        digest = what.image()["digest"]
        content = what.manifests[digest]
        for blob, bytes_of_blob in what.blobs.items():
            uploads.in_put(self.registry, self.repository, bytes_of_blob, blob)
        for name, reference, body in (("under a wrong digest", digest, content + b"  "),
                                      ("under what is no digest", "sha256:baddigeststring", content)):
            with self.test(f"a manifest {name}"):
                self.call("PUT", f"manifests/{reference}", body, [("Content-Type", IMAGE)]).wants(400).tells_why()
                self.call("GET", f"manifests/{reference}", headers=ACCEPT).wants(400, 404)
        with self.test("a manifest whose blobs are not there"):
            absent = Set("absent")
            lost = absent.image()["digest"]
            self.call("PUT", f"manifests/{lost}", absent.manifests[lost],
                      [("Content-Type", IMAGE)]).wants(400, 404).tells_why()
        with self.test("manifests that are not there"):
            for reference in (digest_of(os.urandom(9)), "missing-" + os.urandom(6).hex()):
                self.call("GET", f"manifests/{reference}", headers=ACCEPT).wants(404)
