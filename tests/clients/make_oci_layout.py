#!/usr/bin/env python3
"""Writes an OCI image layout with one multi-platform image, since there is no image hub where tests run.

usage: make_oci_layout.py FOLDER SEED

The index, tagged "multi", has an image for linux/amd64 and one for linux/arm64, each of two layers, the first of which
they share. The same seed gives the same digests.
"""
import gzip
import hashlib
import io
import json
import pathlib
import random
import sys
import tarfile

folder = pathlib.Path(sys.argv[1])
chance = random.Random(sys.argv[2])
blobs = folder / "blobs" / "sha256"
blobs.mkdir(parents=True)


def store(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    (blobs / digest).write_bytes(content)
    return "sha256:" + digest


def described(media_type: str, content: bytes, **more) -> dict:
    return {"mediaType": media_type, "digest": store(content), "size": len(content), **more}


def layer(name: str, size: int) -> tuple[dict, str]:
    """A layer with one file of random bytes: its descriptor, and the digest of the tar inside."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = size
        archive.addfile(entry, io.BytesIO(chance.randbytes(size)))
    packed = gzip.compress(tar.getvalue(), compresslevel=1, mtime=0)
    return (described("application/vnd.oci.image.layer.v1.tar+gzip", packed),
            "sha256:" + hashlib.sha256(tar.getvalue()).hexdigest())


def as_json(document: dict) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


shared = layer("shared", 3_000_000)
images = []
for architecture in ("amd64", "arm64"):
    layers = [shared, layer("only-for-" + architecture, 500_000)]
    config = as_json({
        "architecture": architecture, "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [plain for _, plain in layers]},
        "history": [{"created_by": "make_oci_layout.py"} for _ in layers]})
    manifest = as_json({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": described("application/vnd.oci.image.config.v1+json", config),
        "layers": [packed for packed, _ in layers]})
    images.append(described("application/vnd.oci.image.manifest.v1+json", manifest,
                            platform={"architecture": architecture, "os": "linux"}))

index = as_json({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": images})
top = described("application/vnd.oci.image.index.v1+json", index,
                annotations={"org.opencontainers.image.ref.name": "multi"})
(folder / "index.json").write_bytes(as_json({"schemaVersion": 2, "manifests": [top]}))
(folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
print(top["digest"])
