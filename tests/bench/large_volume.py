#!/usr/bin/env python3
"""A registry on a large folder: caisson with the registry inside, and Debian's docker-registry, on the same one.

The folder has 20,000 repositories, 200,000 blobs, repositories with 20,000 tags on one manifest, and one with 20,000
manifests, of which some are about one subject. Shown are the milliseconds that a client waits for an answer, on one
connection: the first time, and the median and the longest of the times after it; how long a start takes; and the most
memory that a program took.

usage: large_volume.py --gate PROGRAM [--folder FOLDER] [--share N] [--times N]

--folder names a place for the files (about 5 GB and a million inodes of a file system with 4 KiB blocks), --share a
part of all these numbers, such as 0.1.
"""
import argparse
import contextlib
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
import statistics
import subprocess
import tempfile
import time

IMAGE = "application/vnd.oci.image.manifest.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
CONFIGURATION = """
{user}
worker_processes 2;
pid {folder}/gate.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  upstream docker-registry {{ registry {data}; registry_delete on; }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_requests 1000000000;
    location /v2/ {{ proxy_pass http://docker-registry; }}
  }}
}}
"""


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Volume:
    """The folder, in registry:2's layout."""

    def __init__(self, top: pathlib.Path):
        self.root = top / "docker/registry/v2"

    def write(self, path: str, content: bytes) -> None:
        place = f"{self.root}/{path}"
        try:
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT, 0o666)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT, 0o666)
        os.write(descriptor, content)
        os.close(descriptor)

    def blob(self, content: bytes) -> str:
        digest = digest_of(content)
        self.write(f"blobs/sha256/{digest[7:9]}/{digest[7:]}/data", content)
        return digest

    def layer(self, repository: str, digest: str) -> None:
        self.write(f"repositories/{repository}/_layers/sha256/{digest[7:]}/link", digest.encode())

    def manifest(self, repository: str, content: bytes) -> str:
        digest = self.blob(content)
        self.write(f"repositories/{repository}/_manifests/revisions/sha256/{digest[7:]}/link", digest.encode())
        return digest

    def tag(self, repository: str, name: str, digest: str) -> None:
        tag = f"repositories/{repository}/_manifests/tags/{name}"
        self.write(f"{tag}/index/sha256/{digest[7:]}/link", digest.encode())
        self.write(f"{tag}/current/link", digest.encode())


def image(config: str, number: int, subject: str | None = None) -> bytes:
    document = {"schemaVersion": 2, "mediaType": IMAGE, "layers": [], "annotations": {"number": str(number)},
                "config": {"mediaType": EMPTY, "digest": config, "size": 2}}
    if subject:
        document["subject"] = {"mediaType": IMAGE, "digest": subject, "size": 2}
    return json.dumps(document).encode()


SUBJECT = digest_of(b"the subject")


def tagged_repository(volume: Volume, name: str, tags: int, config: str) -> str:
    volume.layer(name, config)
    digest = volume.manifest(name, image(config, 0))
    for number in range(tags):
        volume.tag(name, f"v{number:05}", digest)
    return digest


def fill(volume: Volume, share: float) -> None:
    many = int(20_000 * share)
    config = volume.blob(b"{}")
    for number in range(many // 2):
        volume.layer(f"app-{number:05}", config)
        volume.layer(f"team{number // 100:03}/app{number % 100:02}", config)
    for name in ("many/tags", "many/tags-caisson", "many/tags-docker-registry"):
        tagged_repository(volume, name, many, config)
    volume.layer("many/manifests", config)
    for number in range(many):
        volume.manifest("many/manifests", image(config, number, SUBJECT if number % 1000 == 0 else None))
    for number in range(9 * many):
        volume.blob(str(number).encode())


class Server:
    def __init__(self, name: str, command: list[str], port: int, log: pathlib.Path):
        self.name, self.port = name, port
        begin = time.monotonic()
        with open(log, "wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            start_new_session=True)
        while True:
            if self.process.poll() is not None:
                raise SystemExit(f"{name} ended by itself:\n{log.read_text()[-2000:]}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.001)
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        self.ask("GET", "/v2/", 200)
        self.milliseconds_to_start = (time.monotonic() - begin) * 1000

    def ask(self, method: str, path: str, expected: int) -> tuple[float, bytes]:
        """How many milliseconds it took, and the body."""
        begin = time.monotonic()
        self.http.request(method, path, headers={"Accept": IMAGE})
        answer = self.http.getresponse()
        body = answer.read()
        if answer.status not in (expected, 404):
            raise SystemExit(f"{self.name}: {method} {path}: {answer.status} {body[:300]!r}")
        return (time.monotonic() - begin) * 1000 if answer.status == expected else None, body

    def most_memory(self) -> int:
        """MiB, of the largest process."""
        group = self.process.pid
        most = 0
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                fields = (status.parent / "stat").read_text().rsplit(")", 1)[1].split()
                if int(fields[2]) == group:
                    most = max(most, int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) // 1024)
        return most

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()


def free_port() -> int:
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def start_caisson(program: str, top: pathlib.Path, data: pathlib.Path) -> Server:
    port = free_port()
    user = "user root;" if os.getuid() == 0 else ""
    (top / "gate.conf").write_text(CONFIGURATION.format(user=user, folder=top, data=data, port=port))
    return Server("caisson", [program, "-c", str(top / "gate.conf"), "-p", str(top), "-g", "daemon off;"], port,
                  top / "gate.log")


def start_docker_registry(top: pathlib.Path, data: pathlib.Path) -> Server:
    port = free_port()
    (top / "registry.yml").write_text(json.dumps({  # JSON is YAML
        "version": "0.1", "http": {"addr": f"127.0.0.1:{port}"}, "log": {"accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(data)}, "delete": {"enabled": True},
                    "cache": {"blobdescriptor": "inmemory"}}}))
    return Server("docker-registry", ["docker-registry", "serve", str(top / "registry.yml")], port, top / "registry.log")


def questions(share: float) -> list[tuple[str, str, str]]:
    many = int(20_000 * share)
    middle, last = f"v{many // 2:05}", f"v{many - 101:05}"
    tags = "/v2/many/tags/tags/list"
    return [
        ("tags, the first 100", "GET", f"{tags}?n=100"),
        ("tags, 100 from the middle", "GET", f"{tags}?n=100&last={middle}"),
        ("tags, the last 100", "GET", f"{tags}?n=100&last={last}"),
        ("tags, 1000 from the middle", "GET", f"{tags}?n=1000&last={middle}"),
        ("tags, all of them", "GET", tags),
        ("catalog, the first 100", "GET", "/v2/_catalog?n=100"),
        ("catalog, 100 from the middle", "GET", "/v2/_catalog?n=100&last=many/tags"),
        ("catalog, the last 100", "GET", f"/v2/_catalog?n=100&last=team{many // 200 - 2:03}/app98"),
        ("catalog, 1000 from the middle", "GET", "/v2/_catalog?n=1000&last=many/tags"),
        ("HEAD of a manifest by tag", "HEAD", f"/v2/many/tags/manifests/{middle}"),
        ("referrers among as many manifests", "GET", f"/v2/many/manifests/referrers/{SUBJECT}"),
    ]


def measure(server: Server, share: float, times: int, delete: str) -> dict[str, str]:
    figures = {"start": f"{server.milliseconds_to_start:.0f}"}
    for name, method, path in questions(share):
        first, _ = server.ask(method, path, 200)
        if first is None:
            figures[name] = "has none"
            continue
        time.sleep(2.1)  # a folder that was just written to is trusted a little later
        server.ask(method, path, 200)
        again = [server.ask(method, path, 200)[0] for _ in range(times)]
        figures[name] = f"{first:.1f} / {statistics.median(again):.1f} / {max(again):.1f}"
    taken, _ = server.ask("DELETE", f"/v2/many/tags-{server.name}/manifests/{delete}", 202)
    figures["deleting a manifest with as many tags"] = f"{taken:.0f}"
    taken, body = server.ask("GET", f"/v2/many/tags-{server.name}/tags/list", 200)
    if json.loads(body)["tags"]:
        raise SystemExit(f"{server.name}: tags outlast their manifest")
    figures["the most memory, in MiB"] = str(server.most_memory())
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gate", required=True, help="caisson's program")
    parser.add_argument("--folder", help="where the files go; they stay, and are used again the next time")
    parser.add_argument("--share", type=float, default=1)
    parser.add_argument("--times", type=int, default=20, help="that each question is asked")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        data = pathlib.Path(options.folder or top / "data").absolute()
        volume = Volume(data)
        config = digest_of(b"{}")
        if not volume.root.exists():
            begin = time.monotonic()
            fill(volume, options.share)
            os.sync()
            print(f"filled in {time.monotonic() - begin:.0f} s", flush=True)
        columns = []
        programs = [lambda: start_caisson(options.gate, top, data)]
        if shutil.which("docker-registry"):
            programs.append(lambda: start_docker_registry(top, data))
        for start in programs:
            server = start()
            try:
                delete = tagged_repository(volume, f"many/tags-{server.name}", int(20_000 * options.share), config)
                os.sync()
                columns.append((server.name, measure(server, options.share, options.times, delete)))
            finally:
                server.stop()
        print(f"{'milliseconds: first / median / longest':40}" + "".join(f"{name:>26}" for name, _ in columns))
        for name in columns[0][1]:
            print(f"{name:40}" + "".join(f"{figures[name]:>26}" for _, figures in columns))


if __name__ == "__main__":
    main()
