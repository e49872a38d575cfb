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
import contextlib
import ctypes
import hashlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

DOCKER = {"manifest": "application/vnd.docker.distribution.manifest.v2+json",
          "config": "application/vnd.docker.container.image.v1+json",
          "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip"}
OCI = {"manifest": "application/vnd.oci.image.manifest.v1+json",
       "config": "application/vnd.oci.image.config.v1+json",
       "layer": "application/vnd.oci.image.layer.v1.tar+gzip"}
PATIENCE = 60  # seconds for a single answer, and for a start

CONFIGURATION = """
{user}
worker_processes 2;
pid {folder}/gate.pid;
error_log {folder}/error.log notice;
events {{ worker_connections 256; }}
http {{
  access_log off;
  upstream docker-registry {{ registry {data}; {options} }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location /v2/ {{
      proxy_pass http://docker-registry;
      proxy_set_header Host $http_host;
    }}
  }}
}}
"""


class Broken(Exception):
    """A promise was broken: the gate lost something, or shows half of it."""


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def wait_until(condition, what: str, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Broken(f"waited in vain: {what}")
        time.sleep(0.005)


class Server:
    """A program that listens on a port of 127.0.0.1, started and killed any number of times."""

    def __init__(self, command: list[str], port: int, log: pathlib.Path):
        self.command, self.port, self.log = command, port, log
        self.process = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)

        def ready() -> bool:
            if self.process.poll() is not None:
                raise Broken(f"{self.command[0]} ended by itself, see {self.log}:\n{self.log.read_text()[-2000:]}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True
            return False

        wait_until(ready, f"{self.command[0]} listens")

    def end(self, how: signal.Signals) -> None:
        """Sends the signal to all of its processes, and returns when none of them is left."""
        group = self.process.pid  # start_new_session made it the leader of a process group
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, how)

        def gone() -> bool:
            # main() made us the subreaper, so that workers whose master died are ours to wait for.
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-group, os.WNOHANG)[0] != 0:
                    pass
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                return True
            return False

        wait_until(gone, f"{self.command[0]} ends", 30)
        self.process.returncode = 0  # reaped above; Popen would wait for it in vain


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


class Gate:
    """What the clients know of the gate: where it is, whether it is up, and how often it was killed."""

    def __init__(self, port: int, power_cuts: bool):
        self.port, self.power_cuts, self.up, self.kills = port, power_cuts, threading.Event(), 0

    def kills_while_up(self) -> int:
        """Waits until it is up. Whoever kills says so before counting it: a count read while it was going down is none."""
        while True:
            self.up.wait()
            kills = self.kills
            if self.up.is_set():
                return kills


class Interrupted(Exception):
    """A kill broke the connection off."""


class Connection:
    """One keep-alive connection to the gate. It may break only by a kill; then it must be thrown away."""

    def __init__(self, gate: Gate):
        self.gate, self.kills = gate, gate.kills_while_up()
        self.http = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=PATIENCE)

    def call(self, method: str, path: str, expected, body=b"", headers=None, chunked=False):
        """The answer's headers; `status` and `content` are the rest of it. A status that is not expected (one, or one of
        several) is a broken promise."""
        expected = expected if isinstance(expected, tuple) else (expected,)
        try:
            self.http.request(method, path, body, headers or {}, encode_chunked=chunked)
            answer = self.http.getresponse()
            content = answer.read()
        except TimeoutError:
            raise Broken(f"{method} {path}: no answer in {PATIENCE} seconds")
        except (OSError, http.client.HTTPException) as error:
            if self.gate.kills == self.kills:
                raise Broken(f"{method} {path}: broken off without a kill: {error!r}")
            raise Interrupted
        if answer.status not in expected and self.gate.kills != self.kills:
            raise Interrupted  # the disk failed under a gate that was still there to say so
        if answer.status not in expected:
            raise Broken(f"{method} {path}: status {answer.status} instead of {expected}: {content[:300]!r}")
        self.status, self.content = answer.status, content
        return answer.headers


class Client(threading.Thread):
    """Pushes images into repositories of its own until told to stop, whatever happens to the gate meanwhile."""

    def __init__(self, number: int, seed: int, gate: Gate, known: Acknowledged):
        super().__init__(name=f"client {number}", daemon=True)
        self.chance = random.Random(f"{seed} {number}")
        self.repositories = [f"kill/client{number}", f"kill/client{number}/more"]
        self.gate, self.known = gate, known
        self.stopping = False
        self.failure = None
        self.interrupted = 0  # times that a kill broke something off
        self.resumed = 0  # uploads that went on after a kill
        self.pushed = []  # (repository, digest, size) of acknowledged layers, to be mounted elsewhere

    def run(self) -> None:
        number = 0
        try:
            while not self.stopping:
                self.connection = Connection(self.gate)
                try:
                    while not self.stopping:
                        number += 1
                        self.push_image(number)
                except Interrupted:
                    self.interrupted += 1
        except Exception as failure:  # main() shows it
            self.failure = failure

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

    def push_blob(self, repository: str, content: bytes) -> None:
        location = self.connection.call("POST", f"/v2/{repository}/blobs/uploads/", 202)["Location"]
        self.counted, self.finishing = 0, False  # bytes that a 202 counted; whether the last request was sent
        try:
            self.chance.choice((self.send_in_one_put, self.send_in_one_patch, self.send_in_pieces))(location, content)
        except Interrupted:
            self.interrupted += 1
            self.connection = Connection(self.gate)
            self.resume(location, content)
        self.known.blob(repository, digest_of(content), len(content))

    def send_in_one_put(self, location: str, content: bytes) -> None:
        self.finish(location, content, rest=content)

    def send_in_one_patch(self, location: str, content: bytes) -> None:
        pieces = (content[at:at + 65536] for at in range(0, len(content), 65536))
        headers = self.connection.call("PATCH", path_of(location), 202, pieces, {"Transfer-Encoding": "chunked"},
                                       chunked=True)
        self.counted = len(content)
        self.finish(headers["Location"], content, rest=b"")

    def send_in_pieces(self, location: str, content: bytes, start: int = 0) -> None:
        step = max(1, len(content) // 3)
        for at in range(start, len(content), step):
            piece = content[at:at + step]
            location = self.connection.call("PATCH", path_of(location), 202, piece,
                                            {"Content-Range": f"{at}-{at + len(piece) - 1}"})["Location"]
            self.counted = at + len(piece)
        self.finish(location, content, rest=b"")

    def finish(self, location: str, content: bytes, rest: bytes) -> None:
        self.finishing = True
        sign = "&" if "?" in location else "?"
        self.connection.call("PUT", f"{path_of(location)}{sign}digest={digest_of(content)}", 201, rest,
                             {"Content-Type": "application/octet-stream"})

    def resume(self, location: str, content: bytes) -> None:
        """Goes on with an upload that a kill interrupted, from where the gate says it is."""
        try:
            headers = self.connection.call("GET", path_of(location), 204)
        except Broken as unknown:
            # It may be finished, and only the answer was lost; or it was never more than begun. Begin another image.
            if "status 404" in str(unknown) and (self.finishing or self.counted == 0):
                raise Interrupted
            raise
        match = re.fullmatch(r"0-(\d+)", headers["Range"])
        if not match or int(match[1]) >= len(content):
            raise Broken(f"GET {location}: Range is {headers['Range']!r} for an upload of {len(content)} bytes")
        if int(match[1]) + 1 < self.counted:
            raise Broken(f"GET {location}: Range is {headers['Range']!r} after a 202 for {self.counted} bytes")
        if match[1] == "0":  # nothing or one byte: the header cannot tell
            raise Interrupted
        self.send_in_pieces(headers["Location"], content, int(match[1]) + 1)
        self.resumed += 1


def path_of(location: str) -> str:
    return re.sub("^https?://[^/]+", "", location)


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

class LoopDisk:
    """The store's own disk. Without --power-cuts there is none, and nothing to do."""

    def __init__(self, options: argparse.Namespace, folder: pathlib.Path):
        self.there = options.power_cuts
        self.arguments = [str(folder / "disk.img"), str(folder / "data"), options.file_system]

    def __call__(self, command: str) -> None:
        if self.there:
            program = pathlib.Path(__file__).with_name("loop_disk.py")
            subprocess.run([sys.executable, program, command, *self.arguments], check=True)


def free_port() -> int:
    """A port below the range of outgoing connections: a client that finds the gate dead must not meet itself there."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def gate_server(program: str, folder: pathlib.Path, port: int, options: str = "") -> Server:
    user = ""
    if os.getuid() == 0:
        user = "user www-data;"
        shutil.chown(folder / "data", "www-data", "www-data")
    (folder / "gate.conf").write_text(CONFIGURATION.format(user=user, folder=folder, data=folder / "data", port=port,
                                                             options=options))
    return Server([program, "-c", str(folder / "gate.conf"), "-p", str(folder), "-g", "daemon off;"], port,
                  folder / "gate.log")


def docker_registry_server(folder: pathlib.Path, port: int) -> Server:
    (folder / "registry.yml").write_text(json.dumps({
        "version": "0.1", "http": {"addr": f"127.0.0.1:{port}"}, "log": {"accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}}}))  # JSON is YAML
    return Server(["docker-registry", "serve", str(folder / "registry.yml")], port, folder / "registry.log")


def loop(options: argparse.Namespace, folder: pathlib.Path) -> str:
    (folder / "data").mkdir()
    loop_disk = LoopDisk(options, folder)
    loop_disk("mount")
    port = free_port()
    server = gate_server(options.gate, folder, port)
    os.sync()  # its owner shall outlast the first cut
    gate, known, disk = Gate(port, options.power_cuts), Acknowledged(), Disk(folder / "data")
    chance = random.Random(options.seed)
    clients = [Client(number, options.seed, gate, known) for number in range(options.clients)]
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
            for client in clients:
                if client.failure:
                    raise client.failure
            if kill % 10 == 0 or kill == options.kills:
                print(f"{kill} kills, {len(known.manifests)} images acknowledged", flush=True)
        for client in clients:
            client.stopping = True
        for client in clients:
            client.join()
            if client.failure:
                raise client.failure

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
            f"resumed: {len(known.manifests)} images and {len(known.blobs)} blobs acknowledged, 0 lost; {blobs} blobs on disk, 0 half")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gate", required=True, help="the gate's program")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--power-cuts", action="store_true", help="cut the store's power at each kill")
    parser.add_argument("--file-system", choices=("ext4", "xfs"), default="ext4", help="of the disk that loses power")
    parser.add_argument("--keep", help="a new folder that stays, for a look at what went wrong")
    options = parser.parse_args()

    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with contextlib.ExitStack() as stack:
        if options.keep:
            folder = pathlib.Path(options.keep).absolute()
            folder.mkdir(parents=True)
        else:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # the gate's worker has fewer rights than we
        try:
            print(loop(options, folder))
        except Broken as broken:
            print(f"FAILED with seed {options.seed}: {broken}", file=sys.stderr)
            for log in ("gate.log", "error.log", "registry.log"):
                if (folder / log).exists():
                    print(f"--- the end of {log}\n{(folder / log).read_text()[-3000:]}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
