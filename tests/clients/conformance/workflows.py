"""The four workflows that the conformance suite of version 1.1 walks through: pull, push, discovery, management.

Each sets up what it needs and tears it down again, manifests before blobs or the other way.
"""
import json

import uploads
from client import Registry, Results, digest_of, expect
from content import ARTIFACT, IMAGE, INDEX, OTHER_ARTIFACT, Set

ABSENT = digest_of(b"this was never pushed")


class Workflows:
    def __init__(self, registry: Registry, results: Results, repository: str, other: str, automatic_mount: bool,
                 manifests_first: bool):
        self.registry, self.results = registry, results
        self.repository, self.other = repository, other
        self.automatic_mount, self.manifests_first = automatic_mount, manifests_first

    def run(self) -> None:
        for part in (self.pull, self.push, self.discovery, self.management):
            with self.test(f"the way through {part.__name__}"):
                part()

    # ------------------------------------------------------------ what all of them do

    def call(self, method: str, path: str, *arguments, **more):
        return self.registry.call(method, f"/v2/{self.repository}/{path}", *arguments, **more)

    def test(self, name: str):
        return self.results.test(name)

    def set_up(self, what: Set) -> None:
        for digest, content in what.blobs.items():
            with self.test(f"set up {what.name}: blob"):
                uploads.in_put(self.registry, self.repository, content, digest)
        for digest, content in what.manifests.items():
            for reference in [tag for tag, target in what.tags.items() if target == digest] or [digest]:
                with self.test(f"set up {what.name}: manifest {reference}"):
                    self.put(reference, content)

    def put(self, reference: str, content: bytes):
        media_type = json.loads(content)["mediaType"]
        answer = self.call("PUT", f"manifests/{reference}", content, [("Content-Type", media_type)]).wants(201)
        answer.has("Location")
        return answer

    def tear_down(self, what: Set) -> None:
        manifests = [f"manifests/{digest}" for digest in reversed(what.manifests)]
        blobs = [f"blobs/{digest}" for digest in what.blobs]
        for path in manifests + blobs if self.manifests_first else blobs + manifests:
            with self.test(f"tear down {what.name}: {path}"):
                self.call("DELETE", path).wants(202, 404)

    def tags(self, **query) -> list[str]:
        return self.call("GET", "tags/list", query=query.items()).wants(200).json()["tags"]

    # ------------------------------------------------------------ the workflows

    def pull(self) -> None:
        what = Set("pull")
        digest = what.image("tagtest0")["digest"]
        blob, content = next(iter(what.blobs.items()))
        self.set_up(what)
        with self.test("pull: a blob that is not there"):
            for method in ("HEAD", "GET"):
                self.call(method, f"blobs/{ABSENT}").wants(404)
        with self.test("pull: HEAD of a blob"):
            self.call("HEAD", f"blobs/{blob}").wants(200).has("Docker-Content-Digest", blob)
        with self.test("pull: a blob"):
            self.call("GET", f"blobs/{blob}").wants(200).holds(content)
        with self.test("pull: a manifest that is not there"):
            for method in ("HEAD", "GET"):
                self.call(method, "manifests/.INVALID_MANIFEST_NAME").wants(404)
                self.call(method, f"manifests/{ABSENT}").wants(404)
        for reference in (digest, "tagtest0"):
            with self.test(f"pull: a manifest by {'digest' if ':' in reference else 'tag'}"):
                accept = [("Accept", IMAGE)]
                head = self.call("HEAD", f"manifests/{reference}", headers=accept)
                head.wants(200).has("Docker-Content-Digest", digest)
                answer = self.call("GET", f"manifests/{reference}", headers=accept).wants(200)
                answer.has("Docker-Content-Digest", digest).holds(what.manifests[digest])
        with self.test("pull: a reference that is no digest is refused in the specification's words"):
            answer = self.call("PUT", "manifests/sha256:totallywrong", b"blablabla", [("Content-Type", IMAGE)])
            answer.wants(400).tells_why()
        self.tear_down(what)

    def push(self) -> None:
        what = Set("push")
        what.image("test0")
        config, layer = list(what.blobs)[:2]
        with self.test("push: streamed"):
            uploads.streamed(self.registry, self.repository, what.blobs[config], config)
        with self.test("push: the same blob in a single POST"):
            uploads.in_post(self.registry, self.repository, what.blobs[config], config)
        with self.test("push: the same blob in a PUT"):
            uploads.in_put(self.registry, self.repository, what.blobs[config], config)
        self.push_in_chunks()
        self.push_by_mounting(layer, what.blobs[layer])
        self.set_up(what)
        with self.test("push: one manifest under several tags"):
            for number in range(4):
                self.put(f"test{number}", list(what.manifests.values())[0])
        with self.test("push: a manifest without layers"):
            empty = Set("no layers")
            empty.image("no-layers", 0)
            self.set_up(empty)
        self.tear_down(empty)
        with self.test("push: the manifest comes back"):
            digest, content = next(iter(what.manifests.items()))
            self.call("GET", f"manifests/{digest}", headers=[("Accept", IMAGE)]).wants(200).holds(content)
        self.tear_down(what)

    def push_in_chunks(self) -> None:
        content = b"Hello, how are you today?"
        first, second = content[:3], content[3:]
        ranges = [("Content-Range", "0-2")], [("Content-Range", f"3-{len(content) - 1}")]
        with self.test("push: a first chunk that does not begin at the start"):
            location = uploads.begin(self.registry, self.repository)
            self.registry.call("PATCH", location, second, [uploads.OCTETS, *ranges[1]]).wants(416)
        with self.test("push: two chunks, the first of them twice, and a look in between"):
            began = uploads.begin(self.registry, self.repository)
            after_first = self.registry.call("PATCH", began, first, [uploads.OCTETS, *ranges[0]]).wants(202)
            after_first.has("Range", "0-2")
            self.registry.call("PATCH", after_first.location, first, [uploads.OCTETS, *ranges[0]]).wants(416)
            for stale in (began, after_first.location):  # whichever Location a client still has
                location = self.registry.call("GET", stale).wants(204).has("Range", "0-2").location
            answer = self.registry.call("PATCH", location, second, [uploads.OCTETS, *ranges[1]]).wants(202)
            uploads.finish(self.registry, answer.location, content, digest_of(content))

    def push_by_mounting(self, digest: str, content: bytes) -> None:
        uploads.in_put(self.registry, self.repository, content, digest)
        with self.test("push: a blob that is nowhere is not mounted"):
            uploads.mount(self.registry, self.other, ABSENT, self.repository).wants(202).has("Location")
        with self.test("push: a blob is mounted from another repository"):
            uploads.check_mounted(self.registry, self.other, digest, self.repository, content)
            self.registry.call("GET", f"/v2/{self.other}/blobs/{digest}").wants(200)
        self.registry.call("DELETE", f"/v2/{self.other}/blobs/{digest}")
        if self.automatic_mount:
            with self.test("push: a blob is mounted from wherever it is"):
                uploads.check_mounted(self.registry, self.other, digest, None, content)
        else:
            with self.test("push: no blob is mounted without a source"):
                uploads.check_not_mounted(self.registry, self.other, digest, None, content)

    def discovery(self) -> None:
        tagged = Set("tags")
        digest = tagged.image()["digest"]
        tagged.tags = {name: digest for name in ("TEST0", "test0", "test1", "test2", "test3")}
        self.set_up(tagged)
        about = Set("referrers")
        subject = about.image("tagtest0")
        missing = {"mediaType": IMAGE, "digest": ABSENT, "size": 100}
        for value in ("a", "b"):
            note = {"org.example.value": value}
            config = about.blob(value.encode(), ARTIFACT if value == "a" else OTHER_ARTIFACT)
            about.image(None, 1, config, subject=subject, annotations=note)
            about.artifact(None, ARTIFACT if value == "a" else OTHER_ARTIFACT, subject=subject, annotations=note)
        about.index(None, [], artifactType="application/vnd.example.index", subject=subject,
                    annotations={"org.example.value": "index"})
        about.artifact(None, subject=missing)
        for blob, content in about.blobs.items():
            uploads.in_put(self.registry, self.repository, content, blob)
        # The subject comes in the middle: what refers to it may be there before it.
        order = list(about.manifests)
        order.insert(3, order.pop(0))
        for number, each in enumerate(order):
            with self.test(f"discovery: push referrer {number}"):
                document = json.loads(about.manifests[each])
                answer = self.put("tagtest0" if each == subject["digest"] else each, about.manifests[each])
                if "subject" in document:
                    answer.has("OCI-Subject", document["subject"]["digest"])

        with self.test("discovery: all tags, sorted"):
            everything = self.tags()
            expect(everything == sorted(everything) and set(tagged.tags) <= set(everything), f"tags are {everything}")
        with self.test("discovery: as many tags as wanted, and those behind them"):
            half = len(everything) // 2
            expect(self.tags(n=half) == everything[:half], "not the first half")
            expect(self.tags(n=half, last=everything[half - 1]) == everything[half:2 * half], "not the second half")
        with self.test("discovery: nothing refers to what is not there"):
            expect(self.referrers(digest_of(b"unknown"))[0] == [], "something does")
        with self.test("discovery: all that refers to an image"):
            self.check_referrers(self.referrers(subject["digest"])[0], about.referrers[subject["digest"]])
        with self.test("discovery: what refers to an image and is of one type"):
            found, applied = self.referrers(subject["digest"], artifactType=ARTIFACT)
            expect(applied == "artifactType", f"OCI-Filters-Applied is {applied}")
            self.check_referrers(found, [each for each in about.referrers[subject["digest"]]
                                         if each["artifactType"] == ARTIFACT])
        with self.test("discovery: what refers to a manifest that is not there"):
            self.check_referrers(self.referrers(ABSENT)[0], about.referrers[ABSENT])
        self.tear_down(about)
        self.tear_down(tagged)

    def referrers(self, subject: str, **query):
        answer = self.call("GET", f"referrers/{subject}", query=query.items()).wants(200).has("Content-Type", INDEX)
        document = answer.json()
        expect(document["schemaVersion"] == 2 and document["mediaType"] == INDEX, f"no index: {document}")
        return document["manifests"], answer.headers["OCI-Filters-Applied"]

    @staticmethod
    def check_referrers(found: list[dict], wanted: list[dict]) -> None:
        def in_order(descriptors):
            return sorted(descriptors, key=lambda each: each["digest"])
        expect(in_order(found) == in_order(wanted), f"found {in_order(found)}, wanted {in_order(wanted)}")

    def management(self) -> None:
        what = Set("management")
        digest = what.image("tagtest0")["digest"]
        what.tags |= {f"more{number}": digest for number in range(3)}
        self.set_up(what)
        blob = next(iter(what.blobs))
        with self.test("management: a tag goes alone"):
            before = self.tags()
            self.call("DELETE", "manifests/tagtest0").wants(202)
            self.call("GET", "manifests/tagtest0").wants(404)
            self.call("GET", f"manifests/{digest}").wants(200)
            expect(self.tags() == [tag for tag in before if tag != "tagtest0"], f"tags are {self.tags()}")
        with self.test("management: a manifest goes with its tags"):
            self.call("DELETE", f"manifests/{digest}").wants(202)
            self.call("GET", f"manifests/{digest}").wants(404)
            self.call("GET", "manifests/more0").wants(404)
            self.call("DELETE", f"manifests/{digest}").wants(404)
            expect(len(self.tags()) < len(before), f"tags are {self.tags()}")
        with self.test("management: a blob goes"):
            self.call("DELETE", f"blobs/{blob}").wants(202)
            self.call("GET", f"blobs/{blob}").wants(404)
        self.tear_down(what)
