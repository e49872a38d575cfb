#!/usr/bin/env python3
"""Collects garbage while clients push, mount, delete and pull, kills everybody in the middle, and looks for losses.

Clients push images of one and of several platforms and referrers, skip what they are told is there already (as docker
does), mount layers from one another, move tags, delete tags and manifests, and pull. The gate collects all the time with a
grace period of a few seconds, and so does a second process beside it, `caisson registry garbage-collect`, which is killed
now and then by itself. At random moments all of the gate's processes get SIGKILL.

What was acknowledged and not deleted must be pulled whole at any time. At the very end, when everything is old and was
collected once more, the disk has what the tags need, by a walk of this program's own, and nothing else.

usage: collect_loop.py --gate PROGRAM [--kills N] [--seed N] [--clients N] [--keep FOLDER]
                       [--power-cuts [--file-system ext4|xfs]]

As for kill_loop.py, the seed settles what is done and when the kills come.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

from torture import Broken, LoopDisk, docker_registry_server, free_port, gate_server, main
from torture_client import OCI, Client, Connection, Gate, Interrupted, check, digest_of, stop

GRACE = 3  # seconds
INDEX = "application/vnd.oci.image.index.v1+json"
OPTIONS = (f"registry_delete on; "
           f"registry_gc interval=200ms first=0 grace={GRACE}s trash=1h untagged=on rate=0;")


class Promises:
    """What may and must be there. None stands for "no such tag". Shared by the clients' threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.manifests: dict[str, bytes] = {}  # digest -> content, of all that was ever sent
        self.tags: dict[tuple[str, str], set[str | None]] = {}  # (repository, tag) -> what it may point to
        self.referrers: dict[tuple[str, str], set[str]] = {}  # (repository, subject) -> acknowledged, untagged referrers
        self.counts: dict[str, int] = {}

    def blob(self, repository: str, digest: str, size: int) -> None:
        """A blob alone is promised for a while only."""

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def may_point(self, repository: str, tag: str, digest: str | None) -> None:
        """Noted before it is sent."""
        with self.lock:
            before = self.tags.setdefault((repository, tag), {None})
            # What a tag leaves may lose its referrers, also when another tag comes to it later.
            for left in before - {digest}:
                self.referrers.pop((repository, left), None)
            before.add(digest)

    def points(self, repository: str, tag: str, digest: str | None) -> None:
        with self.lock:
            self.tags[repository, tag] = {digest}

    def manifest_may_go(self, repository: str, digest: str) -> None:
        with self.lock:
            for (where, _), digests in self.tags.items():
                if where == repository and digest in digests:
                    digests.add(None)
            self.referrers.pop((repository, digest), None)
            for (where, _), referrers in self.referrers.items():
                if where == repository:
                    referrers.discard(digest)

    def manifest_is_gone(self, repository: str, digest: str) -> None:
        with self.lock:
            for (where, _), digests in self.tags.items():
                if where == repository and digest in digests:
                    digests.discard(digest)
                    digests.add(None)


class CollectingClient(Client):
    """Does whatever clients do, in repositories of its own, with layers that all share."""

    def __init__(self, number: int, seed: int, gate: Gate, known: Promises, layers: list[bytes]):
        super().__init__(number, seed, gate, known)
        self.number, self.layers = number, layers
        self.images: list[tuple[str, str]] = []  # (repository, digest) that this client pushed at some time
        self.told = 0.0  # since when this client relies on what it was told

    def push_image(self, number: int) -> None:
        self.told = time.monotonic()
        action = self.chance.choices(
            (self.push_one, self.push_several, self.push_referrer, self.move_tag, self.delete_tag, self.delete_manifest,
             self.pull), (5, 3, 2, 2, 2, 1, 4))[0]
        action(number)
        self.known.count(action.__name__)

    # ------------------------------------------------------------ pushing

    def repository(self) -> str:
        return self.chance.choice(self.repositories)

    def tag(self, number: int) -> str:
        return self.chance.choice(("latest", "stable", f"v{number % 20}"))

    def layer(self, repository: str) -> tuple[str, int]:
        """Makes a layer be there: by being told that it is, by a mount, or by an upload."""
        content = self.chance.choice(self.layers)
        digest = digest_of(content)
        self.connection.call("HEAD", f"/v2/{repository}/blobs/{digest}", (200, 404))
        if self.connection.status == 200:
            return digest, len(content)
        if self.chance.random() < 0.5:
            source = f"kill/client{self.chance.randrange(self.number + 1)}"
            headers = self.connection.call("POST", f"/v2/{repository}/blobs/uploads/?mount={digest}&from={source}",
                                           (201, 202))
            if self.connection.status == 201:
                return digest, len(content)
            self.counted, self.finishing = 0, False
            self.finish(headers["Location"], content, rest=content)
            return digest, len(content)
        self.push_blob(repository, content)
        return digest, len(content)

    def image(self, repository: str, number: int, **more) -> bytes:
        layers = [self.layer(repository) for _ in range(self.chance.randint(1, 3))]
        config = json.dumps({"number": number % 7, "of": self.name}).encode()
        self.connection.call("HEAD", f"/v2/{repository}/blobs/{digest_of(config)}", (200, 404))
        if self.connection.status == 404:
            self.push_blob(repository, config)
        return json.dumps({
            "schemaVersion": 2, "mediaType": OCI["manifest"],
            "config": {"mediaType": OCI["config"], "size": len(config), "digest": digest_of(config)},
            "layers": [{"mediaType": OCI["layer"], "size": size, "digest": digest} for digest, size in layers],
            **more}).encode()

    def put(self, repository: str, reference: str, content: bytes, media_type: str) -> None:
        """Errors: Interrupted, also when an index lists an image of which this client was told too long ago."""
        with self.known.lock:
            self.known.manifests[digest_of(content)] = content
        tagged = not reference.startswith("sha256:")
        if tagged:
            self.known.may_point(repository, reference, digest_of(content))
        # What an index lists is promised for the grace period, blobs also come back from the trash later.
        late = media_type == INDEX and time.monotonic() - self.told > GRACE / 2
        self.connection.call("PUT", f"/v2/{repository}/manifests/{reference}", (201, 400) if late else 201, content,
                             {"Content-Type": media_type})
        if self.connection.status == 400:
            self.known.count("too late")
            raise Interrupted
        if tagged:
            self.known.points(repository, reference, digest_of(content))
        self.images.append((repository, digest_of(content)))

    def push_one(self, number: int) -> None:
        repository = self.repository()
        self.put(repository, self.tag(number), self.image(repository, number), OCI["manifest"])

    def push_several(self, number: int) -> None:
        repository = self.repository()
        children = []
        for _ in range(2):
            content = self.image(repository, number)
            digest = digest_of(content)
            self.connection.call("HEAD", f"/v2/{repository}/manifests/{digest}", (200, 404))
            if self.connection.status == 404:
                self.put(repository, digest, content, OCI["manifest"])
            with self.known.lock:
                self.known.manifests[digest] = content
            children.append({"mediaType": OCI["manifest"], "size": len(content), "digest": digest})
        content = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": children}).encode()
        self.put(repository, self.tag(number), content, INDEX)

    def push_referrer(self, number: int) -> None:
        repository = self.repository()
        tagged = self.tagged(repository)
        if not tagged:
            return
        subject = self.chance.choice(tagged)[1]
        content = self.image(repository, number, subject={"mediaType": OCI["manifest"], "size": 1, "digest": subject},
                             artifactType="test/referrer")
        self.put(repository, digest_of(content), content, OCI["manifest"])
        with self.known.lock:
            self.known.referrers.setdefault((repository, subject), set()).add(digest_of(content))

    # ------------------------------------------------------------ changing and pulling

    def tagged(self, repository: str) -> list[tuple[str, str]]:
        """The tags that certainly point to something, with it."""
        with self.known.lock:
            return [(tag, next(iter(digests))) for (where, tag), digests in self.known.tags.items()
                    if where == repository and len(digests) == 1 and None not in digests]

    def move_tag(self, number: int) -> None:
        repository = self.repository()
        tagged = self.tagged(repository)
        if not tagged:
            return
        _, digest = self.chance.choice(tagged)
        headers = self.connection.call("GET", f"/v2/{repository}/manifests/{digest}", 200)
        self.put(repository, self.tag(number), self.connection.content, headers["Content-Type"])

    def delete_tag(self, number: int) -> None:
        repository = self.repository()
        tagged = self.tagged(repository)
        if not tagged:
            return
        tag, _ = self.chance.choice(tagged)
        self.known.may_point(repository, tag, None)
        self.connection.call("DELETE", f"/v2/{repository}/manifests/{tag}", 202)
        self.known.points(repository, tag, None)

    def delete_manifest(self, number: int) -> None:
        if not self.images:
            return
        repository, digest = self.chance.choice(self.images)
        listed = any(digest.encode() in content for content in list(self.known.manifests.values())
                     if b'"manifests"' in content)
        if listed:
            return  # an index would not be whole without it, and that is the client's own doing
        self.known.manifest_may_go(repository, digest)
        self.connection.call("DELETE", f"/v2/{repository}/manifests/{digest}", (202, 404))
        self.known.manifest_is_gone(repository, digest)

    def pull(self, number: int) -> None:
        repository = self.repository()
        tagged = self.tagged(repository)
        if tagged:
            pull(self.connection, repository, *self.chance.choice(tagged))


def pull(connection: Connection, repository: str, reference: str, digest: str) -> None:
    """All of an image, whatever it is."""
    connection.call("GET", f"/v2/{repository}/manifests/{reference}", 200)
    if digest_of(connection.content) != digest:
        raise Broken(f"{repository}:{reference} is {digest_of(connection.content)}, not {digest}")
    manifest = json.loads(connection.content)
    for child in manifest.get("manifests", []):
        pull(connection, repository, child["digest"], child["digest"])
    for blob in [manifest[key] for key in ("config",) if key in manifest] + manifest.get("layers", []):
        connection.call("GET", f"/v2/{repository}/blobs/{blob['digest']}", 200)
        if digest_of(connection.content) != blob["digest"]:
            raise Broken(f"{repository}: blob {blob['digest']} has other bytes")


def look_through(gate: Gate, known: Promises) -> int:
    """Pulls everything that is promised. How many images."""
    connection, count = Connection(gate), 0
    with known.lock:
        tags = {key: set(digests) for key, digests in known.tags.items()}
        referrers = {key: set(digests) for key, digests in known.referrers.items()}
    standing: set[tuple[str, str]] = set()
    for (repository, tag), digests in sorted(tags.items()):
        statuses = (200, 404) if None in digests else 200
        connection.call("HEAD", f"/v2/{repository}/manifests/{tag}", statuses)
        if connection.status == 404:
            continue
        headers = connection.call("GET", f"/v2/{repository}/manifests/{tag}", 200)
        digest = headers["Docker-Content-Digest"]
        if digest not in digests:
            raise Broken(f"{repository}:{tag} is {digest}, not one of {digests}")
        pull(connection, repository, tag, digest)
        standing.add((repository, digest))
        count += 1
    for (repository, subject), digests in sorted(referrers.items()):
        if (repository, subject) not in standing:
            continue
        connection.call("GET", f"/v2/{repository}/referrers/{subject}", 200)
        listed = {entry["digest"] for entry in json.loads(connection.content)["manifests"]}
        if not digests <= listed:
            raise Broken(f"{repository}: referrers of {subject} lack {digests - listed}")
        for digest in digests:
            pull(connection, repository, digest, digest)
            count += 1
    return count


# ---------------------------------------------------------------- the disk, by a walk of our own

def needed(root: pathlib.Path) -> set[str]:
    """The content that the tags need, by the disk alone."""
    keep: set[str] = set()
    for folder in {path.parent for path in (root / "repositories").glob("**/_manifests")}:
        revisions = {"sha256:" + path.parent.name: path.read_text()
                     for path in folder.glob("_manifests/revisions/sha256/*/link")}
        documents = {}
        for name, target in revisions.items():
            data = root / "blobs/sha256" / target[7:9] / target[7:] / "data"
            if not data.exists():
                raise Broken(f"{folder}: the manifest {name} is not there")
            documents[name] = json.loads(data.read_text())
        found: set[str] = set()
        wanted = [path.read_text() for path in folder.glob("_manifests/tags/*/current/link")]
        while wanted:
            name = wanted.pop()
            if name in found:
                continue
            if name not in documents:
                raise Broken(f"{folder}: the manifest {name} has no link")
            found.add(name)
            document = documents[name]
            wanted += [child["digest"] for child in document.get("manifests", [])]
            wanted += [other for other, about in documents.items() if about.get("subject", {}).get("digest") == name]
            keep.update([name], (blob["digest"] for blob in document.get("layers", [])))
            if "config" in document:
                keep.add(document["config"]["digest"])
    return keep


def look_at_disk(root: pathlib.Path, exactly: bool) -> int:
    """How many blobs there are. All that is needed must be there; with `exactly` nothing else."""
    there = set()
    for data in root.glob("blobs/*/*/*/data"):
        content = data.read_bytes()
        if digest_of(content) != "sha256:" + data.parent.name:
            raise Broken(f"half a blob: {data}")
        there.add("sha256:" + data.parent.name)
    if missing := needed(root) - there:
        raise Broken(f"lost: {sorted(missing)}")
    if exactly and there - needed(root):
        raise Broken(f"garbage is left: {sorted(there - needed(root))}")
    for link in root.glob("repositories/**/_layers/*/*/link"):
        target = link.read_text()
        if target not in there and (exactly or not list(root.glob(f"_trash/*/blobs/*/*/{target[7:]}/data"))):
            raise Broken(f"a link to nothing: {link}")
    return len(there)


def make_old(root: pathlib.Path) -> None:
    long_ago = time.time() - 3600
    for kind in ("blobs", "repositories"):
        for folder, _, files in os.walk(root / kind):
            for name in files:
                os.utime(os.path.join(folder, name), (long_ago, long_ago))


# ---------------------------------------------------------------- the second collector, and the loop

class Collector(threading.Thread):
    """Collects beside the gate, one process after the other; every now and then one is killed."""

    def __init__(self, command: list[str], seed: int, log: pathlib.Path):
        super().__init__(name="collector", daemon=True)
        self.command, self.chance, self.log = command, random.Random(f"{seed} collector"), log
        self.stopping, self.failure, self.done, self.killed = False, None, 0, 0

    def run(self) -> None:
        try:
            while not self.stopping:
                with open(self.log, "ab") as log:
                    process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                               stderr=log)
                    try:
                        process.wait(self.chance.uniform(0.001, 0.05) if self.chance.random() < 0.3 else 60)
                        self.done += process.returncode == 0
                    except subprocess.TimeoutExpired:
                        process.kill()
                        process.wait()
                        self.killed += 1
                time.sleep(self.chance.uniform(0, 0.1))
        except Exception as failure:
            self.failure = failure


def loop(options: argparse.Namespace, folder: pathlib.Path) -> str:
    (folder / "data").mkdir()
    loop_disk = LoopDisk(options, folder)
    loop_disk("mount")
    root = folder / "data/docker/registry/v2"
    server = gate_server(options.gate, folder, free_port(), OPTIONS)
    os.sync()
    gate, known = Gate(server.port, options.power_cuts), Promises()
    chance = random.Random(options.seed)
    layers = [chance.randbytes(chance.choice((10, 3000, 100_000))) for _ in range(60)]
    clients = [CollectingClient(number, options.seed, gate, known, layers) for number in range(options.clients)]
    command = [options.gate, "registry", "garbage-collect", "--delete-untagged", "--rate", "0", "--root",
               str(folder / "data")]
    collector = None

    def collect_beside() -> Collector:
        made = Collector([*command, "--grace", f"{GRACE}s"], chance.random(), folder / "collector.log")
        made.start()
        return made

    def stop_collector() -> tuple[int, int]:
        collector.stopping = True
        collector.join()
        if collector.failure:
            raise collector.failure
        return collector.done, collector.killed

    collections = killed = 0
    try:
        server.start()
        gate.up.set()
        for client in clients:
            client.start()
        collector = collect_beside()
        for kill in range(1, options.kills + 1):
            time.sleep(chance.uniform(0.05, 1.5))  # the random moment
            gate.up.clear()
            gate.kills += 1
            loop_disk("cut")
            server.end(signal.SIGKILL)
            stopped = stop_collector()
            collections, killed = collections + stopped[0], killed + stopped[1]
            loop_disk("unmount")
            loop_disk("mount")
            look_at_disk(root, exactly=False)
            server.start()
            images = look_through(gate_again(gate), known)
            collector = collect_beside()
            gate.up.set()
            check(clients)
            if kill % 10 == 0 or kill == options.kills:
                print(f"{kill} kills, {images} images promised, {known.counts}", flush=True)
        stop(clients)
        images = look_through(gate, known)
        stopped = stop_collector()
        collections, killed = collections + stopped[0], killed + stopped[1]
        server.end(signal.SIGTERM)

        trash = sum(1 for _ in root.glob("_trash/*/blobs/*/*/*/data"))
        make_old(root)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        blobs = look_at_disk(root, exactly=True)
        server.start()
        look_through(gate, known)
        server.end(signal.SIGTERM)
        if shutil.which("docker-registry"):
            docker_registry_server(folder, free_port())  # writes its configuration
            said = subprocess.run(["docker-registry", "garbage-collect", "-d", str(folder / "registry.yml")], check=True,
                                  capture_output=True, text=True).stdout
            if ", 0 blobs and 0 manifests eligible" not in said.splitlines()[-1]:
                raise Broken(f"docker-registry finds garbage: {said[-500:]}")
    finally:
        if collector:
            collector.stopping = True
        if server.process and server.process.returncode is None:
            server.end(signal.SIGKILL)
        loop_disk("unmount")

    in_background = (folder / "error.log").read_text().count(" to the trash in ")
    if trash < options.kills or collections + in_background < options.kills or images == 0:
        raise Broken(f"too tame to prove anything: {trash} blobs in the trash, {collections} collections")
    what = f"power cuts on {options.file_system}" if options.power_cuts else "kills"
    return (f"{options.kills} {what} (seed {options.seed}), {collections} collections beside the gate, {killed} of them "
            f"killed alone, {in_background} by the gate: {known.counts}; {images} images promised, 0 lost; "
            f"{trash} blobs in the trash, {blobs} on disk at the end, 0 of them garbage")


def gate_again(gate: Gate) -> Gate:
    """The same gate for whoever looks before the clients go on."""
    again = Gate(gate.port, gate.power_cuts)
    again.up.set()
    return again


if __name__ == "__main__":
    sys.exit(main(__doc__, 25, "collector.log", loop))
