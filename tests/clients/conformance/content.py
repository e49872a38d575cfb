"""What is pushed: images, indexes and artifacts of every shape that the image specification knows, with random bytes.

A Set is pushed, listed, pulled and deleted as a whole; blobs before manifests, children before their index.
"""
import dataclasses
import json
import os

from client import digest_of

IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY = "application/vnd.oci.empty.v1+json"
ARTIFACT = "application/vnd.example.conformance.v1"
OTHER_ARTIFACT = "application/vnd.example.conformance.v2"


@dataclasses.dataclass
class Set:
    name: str
    algorithm: str = "sha256"
    blobs: dict[str, bytes] = dataclasses.field(default_factory=dict)
    manifests: dict[str, bytes] = dataclasses.field(default_factory=dict)  # in the order in which they are pushed
    tags: dict[str, str] = dataclasses.field(default_factory=dict)
    referrers: dict[str, list[dict]] = dataclasses.field(default_factory=dict)  # by subject
    tags_as_parameters: bool = False

    def blob(self, content: bytes, media_type: str, with_data: str | None = None) -> dict:
        digest = digest_of(content, self.algorithm)
        self.blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)} | (
            {"data": with_data} if with_data is not None else {})

    def manifest(self, document: dict, tag: str | None = None) -> dict:
        content = json.dumps(document).encode()
        digest = digest_of(content, self.algorithm)
        self.manifests[digest] = content
        if tag:
            self.tags[tag] = digest
        descriptor = {"mediaType": document["mediaType"], "digest": digest, "size": len(content)}
        if "subject" in document:
            kind = document.get("artifactType") or document.get("config", {}).get("mediaType")
            self.referrers.setdefault(document["subject"]["digest"], []).append(
                descriptor | ({"artifactType": kind} if kind else {}) |
                ({"annotations": document["annotations"]} if document.get("annotations") else {}))
        return descriptor

    def image(self, tag: str | None = None, layers: int = 2, config: dict | None = None, **more) -> dict:
        config = config or self.blob(json.dumps({"architecture": "amd64", "os": "linux", "salt": os.urandom(8).hex(),
                                                 "rootfs": {"type": "layers", "diff_ids": []}}).encode(), CONFIG)
        return self.manifest({"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [
            self.blob(os.urandom(700), LAYER) for _ in range(layers)]} | more, tag)

    def index(self, tag: str | None = None, children: list[dict] | None = None, **more) -> dict:
        if children is None:
            children = [self.image() | {"platform": {"os": "linux", "architecture": machine}}
                        for machine in ("amd64", "arm64")]
        return self.manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": children} | more, tag)

    def artifact(self, tag: str | None = None, kind: str = ARTIFACT, **more) -> dict:
        return self.manifest({"schemaVersion": 2, "mediaType": IMAGE, "artifactType": kind,
                              "config": self.blob(b"{}", EMPTY),
                              "layers": [self.blob(os.urandom(300), kind)]} | more, tag)


def note() -> dict:
    return {"annotations": {"org.example.note": os.urandom(6).hex()}}


def sets() -> list[Set]:
    made = {}

    def new(name: str, **more) -> Set:
        made[name] = Set(name, **more)
        return made[name]

    new("an image").image("image")
    new("a manifest of almost 4 MiB").image("large", annotations={f"n{i}": "A" * 10_000 for i in range(390)})
    new("an index").index("index")
    nested = new("an index of indexes")
    nested.index("nested", [nested.index(), nested.index()])
    new("an empty index").index("empty-index", [])
    new("an artifact").artifact("artifact")
    empty = new("an artifact without layers")
    empty.manifest({"schemaVersion": 2, "mediaType": IMAGE, "artifactType": ARTIFACT,
                    "config": empty.blob(b"{}", EMPTY), "layers": [empty.blob(b"{}", EMPTY)]}, "no-artifact-layers")
    artifacts = new("an index of artifacts")
    artifacts.index("artifacts", [artifacts.artifact(), artifacts.artifact()], artifactType=ARTIFACT)

    about = new("artifacts about an image")
    subject = about.image("subject")
    about.image(None, subject=subject)
    about.artifact("about-1", ARTIFACT, subject=subject, **note())
    about.artifact("about-2", OTHER_ARTIFACT, subject=subject, **note())
    about = new("an index about an index")
    about.index("about-index", artifactType=ARTIFACT, subject=about.index("index"), **note())
    new("an artifact about something that is not there").artifact(
        "about-nothing", subject={"mediaType": IMAGE, "digest": digest_of(os.urandom(9)), "size": 123}, **note())

    data = new("descriptors with data")
    data.image("data", config=data.blob(b"{}", EMPTY, "e30="), artifactType=ARTIFACT)
    foreign = new("layers that are kept elsewhere")
    elsewhere = [{"mediaType": f"application/vnd.oci.image.layer.nondistributable.v1.tar{zipped}", "size": 12345,
                  "digest": digest_of(os.urandom(9)), "urls": ["https://store.example.com/layer"]}
                 for zipped in ("", "+gzip")]
    foreign.manifest({"schemaVersion": 2, "mediaType": IMAGE, "config": foreign.blob(os.urandom(40), CONFIG),
                      "layers": [*elsewhere, foreign.blob(os.urandom(300), LAYER)]}, "foreign")
    custom = new("fields that nobody knows")
    custom.index("custom", [custom.image(None, **{"org.example.field": [1, {"x": None}]})], **{"org.example.more": "y"})
    new("an image without layers").image("no-layers", 0)
    new("sha512", algorithm="sha512").index()
    for algorithm in ("sha256", "sha512"):
        several = new(f"tags as parameters, {algorithm}", algorithm=algorithm, tags_as_parameters=True)
        several.index(f"parameter-{algorithm}")
        several.tags |= {f"parameter-{algorithm}-{i}": digest for i, digest in enumerate(several.manifests)}
    return list(made.values())
