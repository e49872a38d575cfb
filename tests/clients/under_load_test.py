#!/usr/bin/env python3
"""What an administrator does to the gate, done while hundreds of clients push and pull: none of them may notice.

    under_load_test.py [--connections N] [--large BYTES] [--rounds N]

Half of the connections push blobs to the embedded registry (POST, PATCH in pieces, PUT), half pull one and look at every
byte. Meanwhile: reloads, a reload of a broken file, logs renamed and opened anew, and another binary by USR2 and QUIT in
the middle of a large push. Each request has a name of its own, which must stand in the access log exactly once.
A worker is killed last: who was connected to it loses, nobody who comes after."""
import argparse
import asyncio
import glob
import hashlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import time

PIECE = 64 * 1024
BLOB = os.urandom(1024 * 1024)


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Failed(Exception):
    pass


def check(holds, what):
    if not holds:
        raise Failed(what)


async def eventually(condition, what, limit=30):
    end = time.monotonic() + limit
    while not condition():
        check(time.monotonic() < end, "waited in vain: " + what)
        await asyncio.sleep(0.02)


class Gate:
    """caisson in the background, in a folder of its own."""

    def __init__(self, program, connections):
        self.work = tempfile.mkdtemp()
        os.chmod(self.work, 0o755)
        self.program = os.path.join(self.work, "gate")
        shutil.copy(program, self.program)
        os.mkdir(self.path("data"))
        os.chmod(self.path("data"), 0o777)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.configuration = f"""
pid {self.path('pid')}; error_log {self.path('error.log')} notice; worker_processes 2;
events {{ worker_connections {4 * connections}; }}
http {{
  log_format named '$http_user_agent $status';
  access_log {self.path('access.log')} named buffer=32k flush=1s;
  upstream inside {{ registry {self.path('data')}; }}
  server {{ listen 127.0.0.1:{self.port}; client_max_body_size 0; location /v2/ {{ proxy_pass http://inside; }} }}
}}
"""
        self.configure(self.configuration)

    def path(self, name):
        return os.path.join(self.work, name)

    def configure(self, text):
        with open(self.path("new.conf"), "w") as file:
            file.write(text)
        os.rename(self.path("new.conf"), self.path("nginx.conf"))

    async def start(self):
        started = await asyncio.create_subprocess_exec(self.program, "-c", self.path("nginx.conf"))
        check(await started.wait() == 0, "the gate does not start")

    def log(self):
        return open(self.path("error.log")).read()

    def pid(self, name="pid"):
        try:
            return int(open(self.path(name)).read())
        except (OSError, ValueError):
            return 0

    def workers(self, master):
        with open(f"/proc/{master}/task/{master}/children") as children:
            return [int(pid) for pid in children.read().split() if int(pid) != self.pid()]

    async def logs_more(self, text, do):
        before = self.log().count(text)
        do()
        await eventually(lambda: self.log().count(text) > before, f'"{text}" in the error log')

    def signal(self, number):
        os.kill(self.pid(), number)

    def end(self):
        for name in ("pid", "pid.oldbin"):
            if self.pid(name):
                os.kill(self.pid(name), signal.SIGTERM)
        end = time.monotonic() + 10
        while self.pid() and time.monotonic() < end:
            time.sleep(0.02)
        shutil.rmtree(self.work)


class Load:
    """The clients; every request on a connection of its own."""

    def __init__(self, gate):
        self.gate = gate
        self.names = []  # of requests that were answered
        self.errors = []
        self.pushed = self.pulled = 0
        self.stopping = False
        self.tasks = []

    async def ask(self, method, path, headers="", body=()):
        began = time.monotonic()
        name = f"request-{len(self.names)}-{id(object())}-{os.urandom(4).hex()}"
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gate.port)
        try:
            writer.write(f"{method} {path} HTTP/1.1\r\nHost: gate\r\nUser-Agent: {name}\r\nConnection: close\r\n"
                         f"{headers}\r\n".encode())
            async for piece in as_pieces(body):
                writer.write(piece)
                await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            answer = await reader.read() if method == "HEAD" else await reader.readexactly(int(fields["content-length"]))
            self.names.append(name)
            return int(head[0].split()[1]), {k: v for k, v in fields.items()}, answer
        except Exception as error:
            error.began = began
            raise
        finally:
            writer.close()

    async def push(self, repository, data, pieces):
        status, head, _ = await self.ask("POST", f"/v2/{repository}/blobs/uploads/", "Content-Length: 0\r\n")
        check(status == 202, f"POST: {status}")
        place = head["location"].split("gate", 1)[1]
        status, head, _ = await self.ask("PATCH", place, "Transfer-Encoding: chunked\r\n", chunked(pieces))
        check(status == 202, f"PATCH: {status}")
        place = head["location"].split("gate", 1)[1]
        mark = "&" if "?" in place else "?"
        status, _, _ = await self.ask("PUT", f"{place}{mark}digest={data}", "Content-Length: 0\r\n")
        check(status == 201, f"PUT: {status}")

    async def push_again_and_again(self, number):
        while not self.stopping:
            blob = os.urandom(3 * PIECE)
            await self.push(f"load/{number}", digest_of(blob), [blob[i:i + PIECE] for i in range(0, len(blob), PIECE)])
            self.pushed += 1

    async def pull_again_and_again(self):
        while not self.stopping:
            status, _, body = await self.ask("GET", f"/v2/load/shared/blobs/{digest_of(BLOB)}")
            check(status == 200 and body == BLOB, f"GET: {status}, {len(body)} bytes")
            self.pulled += 1

    async def note(self, work):
        while not self.stopping:
            try:
                await work()
            except Exception as error:  # whatever a client can meet
                self.errors.append(error)

    def start(self, connections):
        for i in range(connections // 2):
            self.tasks.append(asyncio.create_task(self.note(lambda i=i: self.push_again_and_again(i))))
            self.tasks.append(asyncio.create_task(self.note(self.pull_again_and_again)))

    async def stop(self):
        self.stopping = True
        await asyncio.gather(*self.tasks)

    async def progress(self):
        """Until clients have pushed and pulled some more, so that what was done just before has met them."""
        pushed, pulled = self.pushed, self.pulled
        await eventually(lambda: self.pushed > pushed + 20 and self.pulled > pulled + 20 or self.errors, "progress", 120)


async def as_pieces(body):
    if hasattr(body, "__aiter__"):
        async for piece in body:
            yield piece
    else:
        for piece in body:
            yield piece


async def chunked(pieces):
    async for piece in as_pieces(pieces):
        yield b"%x\r\n" % len(piece) + piece + b"\r\n"
    yield b"0\r\n\r\n"


async def in_two_halves(size, between):
    """Pieces of a large blob; the second half when `between` says so."""
    zeros = bytes(PIECE)
    for sent in range(0, size, PIECE):
        if sent == size // 2 // PIECE * PIECE:
            between["half"].set()
            await between["go on"].wait()
        yield zeros


async def change_binary_in_a_push(gate, load, size):
    check(size % PIECE == 0, "--large is not a multiple of 64 KiB")
    between = {"half": asyncio.Event(), "go on": asyncio.Event()}
    whole = hashlib.sha256()
    for _ in range(size // PIECE):
        whole.update(bytes(PIECE))
    digest = "sha256:" + whole.hexdigest()
    pushing = asyncio.create_task(load.push("load/large", digest, in_two_halves(size, between)))
    await asyncio.wait([pushing, asyncio.create_task(between["half"].wait())], return_when=asyncio.FIRST_COMPLETED)
    old = gate.pid()
    os.kill(old, signal.SIGUSR2)
    await eventually(lambda: gate.pid("pid.oldbin") == old and gate.pid() not in (0, old), "the new binary")
    await eventually(lambda: gate.workers(gate.pid()), "its worker")
    os.kill(old, signal.SIGQUIT)
    await load.progress()
    check(os.path.exists(f"/proc/{old}"), "the old binary did not wait for the push")
    between["go on"].set()
    await pushing
    await eventually(lambda: not os.path.exists(f"/proc/{old}"), "the end of the old binary", 60)
    status, head, _ = await load.ask("HEAD", f"/v2/load/large/blobs/{digest}")
    check(status == 200 and int(head["content-length"]) == size, "the large blob is not whole")


async def kill_worker(gate, load):
    await load.progress()
    victim = gate.workers(gate.pid())[0]
    os.kill(victim, signal.SIGKILL)
    killed = time.monotonic()
    status, _, _ = await load.ask("GET", "/v2/")
    answered = time.monotonic()
    check(status == 200, f"GET /v2/ after the kill: {status}")
    await load.progress_after(killed)
    print(f"  answered {1000 * (answered - killed):.0f} ms after the worker was killed")
    late = [error for error in load.errors if not isinstance(error, Failed) and getattr(error, "began", 0) > killed]
    check(not late, f"{len(late)} connections failed that were made after the kill: {late[:3]}")
    return len(load.errors)


async def progress_after(self, _):
    pushed, pulled = self.pushed, self.pulled
    await eventually(lambda: self.pushed > pushed + 50 and self.pulled > pulled + 50, "progress after the kill", 60)


Load.progress_after = progress_after


def names_in_logs(gate):
    names = []
    for path in glob.glob(gate.path("access.log*")):
        names += [line.split()[0] for line in open(path)]
    return names


async def main(options):
    gate = Gate(os.environ["CAISSON"], options.connections)
    try:
        await gate.start()
        load = Load(gate)
        await load.push("load/shared", digest_of(BLOB), [BLOB])
        load.start(options.connections)
        await load.progress()

        print("- reloads", flush=True)
        for _ in range(options.rounds):
            await gate.logs_more("start worker process", lambda: gate.signal(signal.SIGHUP))
            await load.progress()

        print("- a reload of a broken file", flush=True)
        gate.configure(gate.configuration + "\nfoo;\n")
        workers = gate.workers(gate.pid())
        await gate.logs_more('unknown directive "foo"', lambda: gate.signal(signal.SIGHUP))
        await load.progress()
        check(workers[-1] in gate.workers(gate.pid()), "the worker has changed")
        gate.configure(gate.configuration)

        print("- logs renamed and opened anew", flush=True)
        for i in range(options.rounds):
            os.rename(gate.path("access.log"), gate.path(f"access.log.{i}"))
            gate.signal(signal.SIGUSR1)
            await eventually(lambda: os.path.exists(gate.path("access.log")), "a new access log")
            await load.progress()

        print(f"- another binary in the middle of a push of {options.large >> 20} MiB", flush=True)
        await change_binary_in_a_push(gate, load, options.large)
        await load.stop()
        check(not load.errors, f"{len(load.errors)} client errors: {load.errors[:3]!r}")
        print(f"  {options.connections} connections: {load.pushed} pushes, {load.pulled} pulls, 0 client errors")

        print("- every request stands in a log exactly once", flush=True)
        await eventually(lambda: len(names_in_logs(gate)) >= len(load.names), "all lines by flush=")
        check(sorted(names_in_logs(gate)) == sorted(load.names), "the lines are not those of the requests")
        print(f"  {len(load.names)} requests")

        print("- a worker is killed", flush=True)
        load = Load(gate)
        load.start(options.connections)
        lost = await kill_worker(gate, load)
        await load.stop()
        print(f"  {lost} connections went with it, none that came later")
    finally:
        gate.end()


arguments = argparse.ArgumentParser()
arguments.add_argument("--connections", type=int, default=200)
arguments.add_argument("--large", type=int, default=64 << 20)
arguments.add_argument("--rounds", type=int, default=3)
try:
    asyncio.run(main(arguments.parse_args()))
except (Failed, OSError, asyncio.IncompleteReadError) as failed:
    print("FAILED:", repr(failed))
    sys.exit(1)
