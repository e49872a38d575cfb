"""Servers to be measured: caisson and docker-registry on a folder, and what they take."""
import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import time

from volume import IMAGE

CONFIGURATION = """
{user}
worker_processes 2;
pid {folder}/gate.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  upstream docker-registry {{ registry {data}; registry_delete on; {options} }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_requests 1000000000;
    location /v2/ {{ proxy_pass http://docker-registry; }}
  }}
}}
"""


def free_port() -> int:
    """A port below the range of outgoing connections."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


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


def start_caisson(program: str, top: pathlib.Path, data: pathlib.Path, options: str = "", globally: str = "") -> Server:
    """`options` are the upstream's, `globally` the main block's."""
    port = free_port()
    user = "user root;" if os.getuid() == 0 else ""
    (top / "gate.conf").write_text(CONFIGURATION.format(user=user, folder=top, data=data, port=port, options=options))
    return Server("caisson", [program, "-c", str(top / "gate.conf"), "-p", str(top), "-g", f"daemon off; {globally}"],
                  port, top / "gate.log")


def start_docker_registry(top: pathlib.Path, data: pathlib.Path) -> Server:
    port = free_port()
    (top / "registry.yml").write_text(json.dumps({  # JSON is YAML
        "version": "0.1", "http": {"addr": f"127.0.0.1:{port}"}, "log": {"accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(data)}, "delete": {"enabled": True},
                    "cache": {"blobdescriptor": "inmemory"}}}))
    return Server("docker-registry", ["docker-registry", "serve", str(top / "registry.yml")], port,
                  top / "registry.log")
