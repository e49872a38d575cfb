"""What the programs that kill the gate share: the gate as a process that can be killed, its disk, and their options."""
import argparse
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

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


def main(description: str, kills: int, log: str, loop) -> int:
    """Runs loop(options, folder), which says what it found or raises Broken. Its own log is shown beside the gate's."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gate", required=True, help="the gate's program")
    parser.add_argument("--kills", type=int, default=kills)
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
        except (Broken, OSError, http.client.HTTPException) as broken:
            print(f"FAILED with seed {options.seed}: {broken}", file=sys.stderr)
            for name in ("gate.log", "error.log", log):
                if (folder / name).exists():
                    print(f"--- the end of {name}\n{(folder / name).read_text()[-3000:]}", file=sys.stderr)
            return 1
    return 0
