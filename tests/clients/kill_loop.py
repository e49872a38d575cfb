#!/usr/bin/env python3
"""Kills the gate in the middle of pushes, again and again, and looks whether anything was lost.

Several clients push images (blobs in every way of uploading, then a manifest) to the gate with the registry inside.
At a random moment all of the gate's processes get SIGKILL. Before it is started again, the disk is looked at: a blob
that stands at its final place must be whole, every link must lead to one. After the start, what was acknowledged since
the last look is pulled and compared; at the very end all of it, by the gate and, when it is installed, by Debian's
docker-registry on the same folder.

An answer of 201 is a promise, so it is noted the moment it has arrived. What was sent but not answered may be there
or not: both are right.

usage: kill_loop.py --gate PROGRAM [--kills N] [--seed N] [--clients N] [--keep FOLDER]
                    [--power-cuts [--file-system ext4|xfs]]

With --power-cuts each kill is a power cut: the store is on a disk of its own, which forgets at that moment what was not
synced. It takes root's rights, and a namespace of mounts (`unshare --mount`) that takes the disk along at the end. An
upload that a cut interrupted goes on from where the gate says it is, which is never before what a 202 counted.

The seed settles what is pushed and when the kills come; what a kill hits is settled by the machine.
"""
import argparse
import hashlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import threading
import time

from torture import PATIENCE, Broken, LoopDisk, docker_registry_server, free_port, gate_server, main, wait_until
from torture_client import DOCKER, OCI, Client, Gate, check, digest_of, stop


class Acknowledged:
    """What the gate has promised to keep. Shared by the clients' threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.blobs: dict[tuple[str, str], int] = {}  # (repository, digest) -> size
        self.manifests: dict[tuple[str, str], bytes] = {}  # (repository, digest) -> content
        self.tags: dict[tuple[str, str], set[str]] = {}  # (repository, tag) -> digests it may point to
        self.news: list[tuple[str, str, str]] = []  # (kind, repository, reference) since the last look

    def blob(self, repository: str, digest: str, size: int) -> None:
        with self.lock:
            self.blobs[repository, digest] = size
            self.news.append(("blob", repository, digest))

    def tag_attempt(self, repository: str, tag: str, digest: str) -> None:
        """Noted before it is sent: from now on the tag may have moved, answered or not."""
        with self.lock:
            if (repository, tag) in self.tags:
                self.tags[repository, tag].add(digest)

    def manifest(self, repository: str, tag: str, content: bytes) -> None:
        with self.lock:
            self.manifests[repository, digest_of(content)] = content
            self.tags[repository, tag] = {digest_of(content)}
            self.news += [("manifest", repository, digest_of(content)), ("tag", repository, tag)]

    def everything(self) -> list[tuple[str, str, str]]:
        return ([("blob", *key) for key in self.blobs] + [("manifest", *key) for key in self.manifests] +
                [("tag", *key) for key in self.tags])


class PushingClient(Client):
    """Pushes images of new layers, and mounts some that it has pushed before."""

    def __init__(self, number: int, seed: int, gate: Gate, known: Acknowledged):
        super().__init__(number, seed, gate, known)
        self.pushed = []  # (repository, digest, size) of acknowledged layers, to be mounted elsewhere

    def push_image(self, number: int) -> None:
        repository = self.chance.choice(self.repositories)
        layers = [self.push_layer(repository) for _ in range(self.chance.randint(1, 3))]
        config = json.dumps({"number": number, "of": self.name}).encode()
        self.push_blob(repository, config)
        media = self.chance.choice((DOCKER, OCI))
        content = json.dumps({
            "schemaVersion": 2, "mediaType": media["manifest"],
            "config": {"mediaType": media["config"], "size": len(config), "digest": digest_of(config)},
            "layers": [{"mediaType": media["layer"], "size": size, "digest": digest} for digest, size in layers],
        }).encode()
        tag = self.chance.choice(("latest", f"v{number}"))
        self.known.tag_attempt(repository, tag, digest_of(content))
        self.connection.call("PUT", f"/v2/{repository}/manifests/{tag}", 201, content,
                             {"Content-Type": media["manifest"]})
        self.known.manifest(repository, tag, content)

    def push_layer(self, repository: str) -> tuple[str, int]:
        if self.pushed and self.chance.random() < 0.15:
            source, digest, size = self.chance.choice(self.pushed)
            self.connection.call("POST", f"/v2/{repository}/blobs/uploads/?mount={digest}&from={source}", 201)
            self.known.blob(repository, digest, size)
            return digest, size
        largest = self.chance.choice((10, 4096, 70_000, 500_000, 2_000_000))
        content = self.chance.randbytes(self.chance.randint(1, largest))
        self.push_blob(repository, content)
        self.pushed.append((repository, digest_of(content), len(content)))
        return digest_of(content), len(content)


# ---------------------------------------------------------------- looking whether anything was lost

class Disk:
    """Looks at the folder itself, while nothing runs on it."""

    def __init__(self, data: pathlib.Path):
        self.root = data / "docker/registry/v2"
        self.seen: set[tuple[int, int]] = set()  # (inode, size) of blobs that were whole at an earlier look

    def look(self, thoroughly: bool = False) -> int:
        """The number of blobs at their final places, each whole and under its own digest."""
        count = 0
        for data in self.root.glob("blobs/*/*/*/data"):
            count += 1
            status = data.stat()
            if thoroughly or (status.st_ino, status.st_size) not in self.seen:
                found, name = hashlib.sha256(data.read_bytes()).hexdigest(), data.parent.name
                if found != name:
                    raise Broken(f"half a blob: {data} has {status.st_size} bytes, with digest {found}")
                self.seen.add((status.st_ino, status.st_size))
        for link in self.root.glob("repositories/**/link"):
            target = link.read_text()
            if not re.fullmatch("sha256:[0-9a-f]{64}", target):
                raise Broken(f"half a link: {link} contains {target!r}")
            digest = target.removeprefix("sha256:")
            if not (self.root / "blobs/sha256" / digest[:2] / digest / "data").exists():
                raise Broken(f"a link to nothing: {link} leads to {target}")
        return count


def look_through(port: int, known: Acknowledged, what: list[tuple[str, str, str]]) -> None:
    """Pulls what was acknowledged, and compares."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    accept = {"Accept": f"{DOCKER['manifest']}, {OCI['manifest']}"}
    for kind, repository, reference in what:
        path = f"/v2/{repository}/{'blobs' if kind == 'blob' else 'manifests'}/{reference}"
        connection.request("GET", path, headers=accept)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise Broken(f"lost: GET {path} gives {answer.status}: {content[:300]!r}")
        right = {reference} if kind != "tag" else known.tags[repository, reference]
        if digest_of(content) not in right:
            raise Broken(f"changed: GET {path} gives {len(content)} bytes with {digest_of(content)}, not {right}")


def look_at_list_of_tags(port: int, known: Acknowledged) -> None:
    for wanted in {repository for repository, _ in known.tags}:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", f"/v2/{wanted}/tags/list")
        tags = json.loads(connection.getresponse().read())["tags"]
        missing = {tag for repository, tag in known.tags if repository == wanted} - set(tags)
        if missing:
            raise Broken(f"tags/list of {wanted} lacks {sorted(missing)}")


# ---------------------------------------------------------------- the loop

def loop(options: argparse.Namespace, folder: pathlib.Path) -> str:
    (folder / "data").mkdir()
    loop_disk = LoopDisk(options, folder)
    loop_disk("mount")
    port = free_port()
    server = gate_server(options.gate, folder, port)
    os.sync()  # its owner shall outlast the first cut
    gate, known, disk = Gate(port, options.power_cuts), Acknowledged(), Disk(folder / "data")
    chance = random.Random(options.seed)
    clients = [PushingClient(number, options.seed, gate, known) for number in range(options.clients)]
    try:
        server.start()
        gate.up.set()
        for client in clients:
            client.start()
        for kill in range(1, options.kills + 1):
            if kill % 4:  # every fourth time whatever was done by then; else there is something to lose
                wait_until(lambda: known.news or any(client.failure for client in clients), "anything acknowledged")
            time.sleep(chance.uniform(0.01, 0.5))  # the random moment
            gate.up.clear()
            gate.kills += 1
            loop_disk("cut")
            server.end(signal.SIGKILL)
            loop_disk("unmount")
            loop_disk("mount")
            disk.look()
            server.start()
            with known.lock:
                news, known.news = known.news, []
            look_through(port, known, news)
            gate.up.set()
            check(clients)
            if kill % 10 == 0 or kill == options.kills:
                print(f"{kill} kills, {len(known.manifests)} images acknowledged", flush=True)
        stop(clients)

        everything = known.everything()
        look_through(port, known, everything)
        look_at_list_of_tags(port, known)
        server.end(signal.SIGTERM)
        blobs = disk.look(thoroughly=True)
        if shutil.which("docker-registry"):
            server = docker_registry_server(folder, free_port())
            server.start()
            look_through(server.port, known, everything)
            look_at_list_of_tags(server.port, known)
    finally:
        if server.process and server.process.returncode is None:
            server.end(signal.SIGKILL)
        loop_disk("unmount")

    said = (folder / "gate.log").read_text() + (folder / "error.log").read_text()
    if crash := re.search(r"Sanitizer|runtime error: |exited on signal", said):
        raise Broken(f"the gate crashed by itself:\n{said[max(0, crash.start() - 200):][:3000]}")
    interrupted, resumed = (sum(getattr(client, what) for client in clients) for what in ("interrupted", "resumed"))
    if interrupted < options.kills or len(known.blobs) < options.kills or (options.kills >= 20 and not resumed):
        raise Broken(f"too tame to prove anything: {interrupted} requests interrupted by {options.kills} kills, "
                     f"{resumed} uploads resumed, {len(known.manifests)} images acknowledged")
    what = f"power cuts on {options.file_system}" if options.power_cuts else "kills"
    return (f"{options.kills} {what} (seed {options.seed}), {interrupted} requests interrupted, {resumed} uploads "
            f"resumed: {len(known.manifests)} images and {len(known.blobs)} blobs acknowledged, 0 lost; {blobs} blobs on "
            f"disk, 0 half")


if __name__ == "__main__":
    sys.exit(main(__doc__, 50, "registry.log", loop))
