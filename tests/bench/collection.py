#!/usr/bin/env python3
"""Collecting 200,000 blobs while clients push and pull: how long it takes, and what they notice of it.

The folder has 200,000 blobs that nobody needs, linked in 1,000 repositories, and 20,000 images that somebody does. Clients
push images of one layer (upload, manifest) and pull them again, each request on a connection of its client's. Shown are
the median and the 99th of 100 of their waiting times in milliseconds: without collection, beside
`caisson registry garbage-collect`, beside the same at full speed, and with --scheduled while the gate itself collects, which
takes a quarter of an hour.

usage: collection.py --gate PROGRAM [--folder FOLDER] [--share N] [--clients N] [--seconds N] [--scheduled]

--folder names a place for the files (about 2 GB), --share a part of all these numbers, such as 0.1.
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import threading
import time

from servers import Server, start_caisson
from volume import IMAGE, Volume, digest_of


def fill(volume: Volume, share: float) -> None:
    config = volume.blob(b"{}")
    for number in range(int(20_000 * share)):
        repository = f"team{number % 100}/app{number % 1000}"
        volume.layer(repository, config)
        layer = volume.blob(b"needed %d" % number)
        volume.layer(repository, layer)
        volume.manifest(repository, json.dumps(
            {"schemaVersion": 2, "mediaType": IMAGE, "config": {"mediaType": "x/y", "digest": config, "size": 2},
             "layers": [{"mediaType": "x/y", "digest": layer, "size": 1}]}).encode())
    for number in range(int(200_000 * share)):
        volume.layer(f"team{number % 100}/app{number % 1000}", volume.blob(b"garbage %d" % number))


def make_old(root: pathlib.Path) -> None:
    long_ago = time.time() - 10_000
    for kind in ("blobs", "repositories"):
        for folder, _, files in os.walk(root / kind):
            for name in files:
                os.utime(os.path.join(folder, name), (long_ago, long_ago))


class Client(threading.Thread):
    """Pushes and pulls until told to stop; the seconds that each request took."""

    def __init__(self, port: int, number: int):
        super().__init__(daemon=True)
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        self.number, self.pushes, self.pulls, self.stopping, self.failure = number, [], [], False, None

    def ask(self, into: list[float], method: str, path: str, expected: int, body=b"", headers=None):
        begin = time.monotonic()
        self.http.request(method, path, body, headers or {})
        answer = self.http.getresponse()
        content = answer.read()
        into.append(time.monotonic() - begin)
        if answer.status != expected:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:300]!r}")
        return answer.headers

    def blob(self, repository: str, content: bytes) -> dict:
        location = self.ask(self.pushes, "POST", f"/v2/{repository}/blobs/uploads/", 202)["Location"]
        path = "/" + location.split("/", 3)[3]
        self.ask(self.pushes, "PUT", f"{path}?digest={digest_of(content)}", 201, content,
                 {"Content-Type": "application/octet-stream"})
        return {"mediaType": "x/y", "digest": digest_of(content), "size": len(content)}

    def run(self) -> None:
        repository = f"client{self.number}"
        try:
            while not self.stopping:
                layer = self.blob(repository, random.randbytes(10_000))
                manifest = json.dumps({"schemaVersion": 2, "mediaType": IMAGE, "layers": [layer],
                                       "config": self.blob(repository, b"{}")}).encode()
                self.ask(self.pushes, "PUT", f"/v2/{repository}/manifests/latest", 201, manifest, {"Content-Type": IMAGE})
                for _ in range(3):
                    self.ask(self.pulls, "GET", f"/v2/{repository}/manifests/latest", 200, headers={"Accept": IMAGE})
                    self.ask(self.pulls, "HEAD", f"/v2/{repository}/blobs/{layer['digest']}", 200)
                    self.ask(self.pulls, "GET", f"/v2/{repository}/blobs/{layer['digest']}", 200)
        except BaseException as failure:
            self.failure = failure


def figures(times: list[float]) -> str:
    times = sorted(times)
    at = [times[int(len(times) * part)] * 1000 for part in (0.5, 0.99)]
    return f"{at[0]:8.2f} {at[1]:8.2f}"


def measure(name: str, port: int, clients: int, until) -> None:
    """Shows what clients wait while until() runs."""
    threads = [Client(port, number) for number in range(clients)]
    for thread in threads:
        thread.start()
    begin = time.monotonic()
    said = until()
    took = time.monotonic() - begin
    for thread in threads:
        thread.stopping = True
    for thread in threads:
        thread.join()
        if thread.failure:
            raise thread.failure
    pushes, pulls = (sum((getattr(thread, what) for thread in threads), []) for what in ("pushes", "pulls"))
    print(f"{name:34} {figures(pushes)} {figures(pulls)} {len(pushes) / took:9.0f} {len(pulls) / took:9.0f} {took:7.1f}"
          f"  {said or ''}", flush=True)


def start(program: str, top: pathlib.Path, options: str) -> Server:
    (top / "error.log").write_text("")
    return start_caisson(program, top, top / "data", options, f"error_log {top}/notices.log notice;")


def garbage_on(root: pathlib.Path) -> int:
    return sum(len(os.listdir(folder)) for folder in (root / "blobs/sha256").iterdir())


def bring_back(program: str, top: pathlib.Path) -> None:
    root = top / "data/docker/registry/v2"
    subprocess.run([program, "registry", "trash", "restore", "all", "--root", str(top / "data")], check=True,
                   stdout=subprocess.DEVNULL)
    shutil.rmtree(root / "_trash")
    make_old(root)
    os.sync()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gate", required=True, help="the gate's program")
    parser.add_argument("--folder", help="where the files go")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=30, help="of the measurement without collection")
    parser.add_argument("--scheduled", action="store_true", help="measure the gate's own collection, too")
    options = parser.parse_args()
    program = str(pathlib.Path(options.gate).absolute())
    with contextlib.ExitStack() as stack:
        top = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.folder)))
        top.chmod(0o755)
        root = top / "data/docker/registry/v2"
        begin = time.monotonic()
        fill(Volume(top / "data"), options.share)
        make_old(root)
        blobs = garbage_on(root)
        print(f"{blobs} blobs made in {time.monotonic() - begin:.0f} s; {options.clients} clients")
        print(f"{'':34} {'push':>8} {'p99':>8} {'pull':>8} {'p99':>8} {'pushes/s':>9} {'pulls/s':>9} {'seconds':>7}")

        server = start(program, top, "")
        stack.callback(lambda: server.stop())
        measure("without collection", server.port, options.clients, lambda: time.sleep(options.seconds))
        server.stop()

        def until_collected() -> str:
            while "to the trash in" not in (top / "error.log").read_text() + (top / "notices.log").read_text():
                time.sleep(0.1)
            return f"{len(list((root / '_trash').glob('*/blobs/*/*/*')))} blobs went"

        if options.scheduled:
            server = start(program, top, "registry_gc first=0 interval=24h;")
            measure("the gate collects", server.port, options.clients, until_collected)
            server.stop()
            bring_back(program, top)

        server = start(program, top, "")

        def collect(*rate: str) -> str:
            done = subprocess.run([program, "registry", "garbage-collect", "--root", str(top / "data"), *rate], check=True,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            return done.stderr.strip().splitlines()[-1].removeprefix("registry: ")

        measure("garbage-collect", server.port, options.clients, collect)
        bring_back(program, top)
        measure("garbage-collect --rate 0", server.port, options.clients, lambda: collect("--rate", "0"))
        measure("without collection", server.port, options.clients, lambda: time.sleep(options.seconds))
        print(f"most memory of the gate: {server.most_memory()} MiB")


if __name__ == "__main__":
    main()
