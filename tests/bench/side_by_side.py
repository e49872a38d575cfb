#!/usr/bin/env python3
"""The same work through nginx and through caisson, with the same configuration: time taken, and CPU seconds used.

Both stand before Debian's docker-registry (small requests: before a `return 200`), over TLS and in plain. The figures
of the gate alone are compared; with the registry inside, caisson is compared with nginx and docker-registry together.

usage: side_by_side.py --gate PROGRAM [--size MiB] [--seconds N] [--rounds N]

Each round runs both, one after the other; shown is the median of the rounds, so that a busy machine weighs on both.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from servers import free_port

CONFIGURATION = """
{user}
worker_processes 2;
pid {folder}/gate.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  upstream docker-registry {{ {upstream} }}
  server {{
    listen 127.0.0.1:{plain};
    listen 127.0.0.1:{tls} ssl;
    ssl_certificate {folder}/domain.crt;
    ssl_certificate_key {folder}/domain.key;
    client_max_body_size 0;
    keepalive_requests 1000000000;
    location /small {{ return 200 "{{}}"; }}
    location /v2/ {{
      proxy_pass http://docker-registry;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_buffering off;
    }}
  }}
}}
"""


def cpu_seconds(group: int) -> float:
    """User and system time of all living processes of a process group, and of their children that have ended."""
    ticks = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


class Side:
    """One gate, and the registry behind it unless that is inside."""

    def __init__(self, program: str, folder: pathlib.Path, inside: bool):
        self.folder, self.inside = folder, inside
        self.plain, self.tls, registry = free_port(), free_port(), free_port()
        (folder / "data").mkdir()
        user = ""
        if os.getuid() == 0:
            user = "user www-data;"
            shutil.chown(folder / "data", "www-data", "www-data")
        self.groups = []
        if not inside:
            (folder / "registry.yml").write_text(json.dumps({
                "version": "0.1", "http": {"addr": f"127.0.0.1:{registry}", "secret": "bench"},
                "log": {"level": "error", "accesslog": {"disabled": True}},
                "storage": {"filesystem": {"rootdirectory": str(folder / "data")}}}))
            self.start(["docker-registry", "serve", str(folder / "registry.yml")], registry)
        upstream = f"registry {folder}/data;" if inside else f"server 127.0.0.1:{registry};"
        (folder / "gate.conf").write_text(CONFIGURATION.format(
            user=user, folder=folder, upstream=upstream, plain=self.plain, tls=self.tls))
        self.start([program, "-c", str(folder / "gate.conf"), "-p", str(folder), "-g", "daemon off;"], self.tls)

    def start(self, command: list[str], port: int) -> None:
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        self.groups.append(process.pid)
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            if process.poll() is not None:
                sys.exit(f"{command[0]} does not start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.01)

    def stop(self) -> None:
        for group in self.groups:
            os.killpg(group, signal.SIGTERM)
            os.waitpid(group, 0)

    def url(self, scheme: str) -> str:
        return f"{scheme}://localhost:{self.tls if scheme == 'https' else self.plain}"

    def cpu(self, with_registry: bool) -> float:
        return sum(cpu_seconds(group) for group in (self.groups if with_registry else self.groups[-1:]))


class Work:
    """What is measured: each method does it through a side, and tells how many seconds it took for how many units."""

    def __init__(self, folder: pathlib.Path, size: int, seconds: int):
        self.folder, self.size, self.seconds = folder, size, seconds
        self.blob = folder / "blob"
        self.count = 0

    def curl(self, *arguments: str) -> str:
        return subprocess.run(["curl", "-sS", "--fail", "--cacert", str(self.folder / "ca.crt"), *arguments],
                              check=True, capture_output=True, text=True).stdout

    def small_requests(self, side: Side, scheme: str) -> tuple[float, int]:
        report = subprocess.run(["wrk", "-t1", "-c16", f"-d{self.seconds}s", side.url(scheme) + "/small"],
                                check=True, capture_output=True, text=True).stdout
        return self.seconds, int(re.search(r"(\d+) requests in", report)[1])

    def upload(self, side: Side, scheme: str) -> tuple[float, int]:
        """A blob that is not there yet, in one PATCH of unknown length, as docker push sends it."""
        self.count += 1
        with open(self.blob, "r+b") as blob:
            blob.write(f"upload {self.count}".encode())
        digest = hashlib.file_digest(open(self.blob, "rb"), "sha256").hexdigest()
        begin = time.monotonic()
        location = self.follow(self.curl("-X", "POST", "-D", "-", side.url(scheme) + "/v2/bench/blobs/uploads/"))
        location = self.follow(self.curl("-X", "PATCH", "-D", "-", "-H", "Transfer-Encoding: chunked",
                                         "-T", str(self.blob), location))
        sign = "&" if "?" in location else "?"
        self.curl("-X", "PUT", "-H", "Content-Length: 0", f"{location}{sign}digest=sha256:{digest}")
        side.digest = digest
        return time.monotonic() - begin, 1

    def download(self, side: Side, scheme: str) -> tuple[float, int]:
        begin = time.monotonic()
        self.curl("-o", "/dev/null", f"{side.url(scheme)}/v2/bench/blobs/sha256:{side.digest}")
        return time.monotonic() - begin, 1

    @staticmethod
    def follow(head: str) -> str:
        return re.search(r"(?im)^location: *(\S+)", head)[1]


def compare(name: str, one: tuple, other: tuple, with_registry: bool, rounds: int) -> None:
    measured = ([], [])
    for _ in range(rounds):
        for results, (side, work, scheme) in zip(measured, (one, other)):
            before = side.cpu(with_registry)
            taken, units = work(side, scheme)
            results.append((taken / units, (side.cpu(with_registry) - before) / units))
    times, cpus = ([statistics.median(result[i] for result in results) for results in measured] for i in (0, 1))
    ratio = [a / b if b else float("nan") for a, b in (times, cpus)]
    print(f"{name:44} {times[0]:10.6f} {times[1]:10.6f} {ratio[0]:6.2f}x {cpus[0]:10.6f} {cpus[1]:10.6f} {ratio[1]:6.2f}x",
          flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gate", required=True, help="caisson's program")
    parser.add_argument("--size", type=int, default=256, help="MiB of a blob")
    parser.add_argument("--seconds", type=int, default=5, help="for each measurement of small requests")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    source = pathlib.Path(__file__).resolve().parents[2]
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:" + os.environ["PATH"])
    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        top.chmod(0o755)
        subprocess.run([source / "certs-example/make", top / "certs"], check=True, stdout=subprocess.DEVNULL)
        sides = []
        work = Work(top / "certs", options.size << 20, options.seconds)
        with open(work.blob, "wb") as blob:
            for _ in range(options.size):
                blob.write(os.urandom(1 << 20))
        try:
            for program, inside in ((nginx, False), (options.gate, False), (options.gate, True)):
                folder = top / str(len(sides))
                folder.mkdir(mode=0o755)
                for file in ("domain.crt", "domain.key"):
                    shutil.copy(top / "certs" / file, folder)
                sides.append(Side(program, folder, inside))
            peer, gate, inside = sides
            print(f"{'':44} {'seconds for one':^28}  {'CPU seconds for one':^28}")
            print(f"{'':44} {'nginx':>10} {'caisson':>10} {'gain':>7} {'nginx':>10} {'caisson':>10} {'gain':>7}")
            mib = f"{options.size} MiB"
            for scheme in ("http", "https"):
                for what, do in ((f"small request, {scheme}, 16 connections", work.small_requests),
                                 (f"upload of {mib}, {scheme}", work.upload),
                                 (f"download of {mib}, {scheme}", work.download)):
                    compare(what, (peer, do, scheme), (gate, do, scheme), False, options.rounds)
                for what, do in ((f"upload of {mib}, {scheme}, registry inside", work.upload),
                                 (f"download of {mib}, {scheme}, registry inside", work.download)):
                    compare(what, (peer, do, scheme), (inside, do, scheme), True, options.rounds)
        finally:
            for side in sides:
                side.stop()


if __name__ == "__main__":
    main()
