#!/usr/bin/env python3
"""Every signal that nginx takes, sent to nginx itself and to caisson under nginx's name: what must be so afterwards, for both."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROGRAMS = {"nginx": "/usr/sbin/nginx", "caisson": os.environ["CAISSON"]}


class Server:
    """In the background, as an init system starts it."""

    def __init__(self, program):
        self.work = tempfile.mkdtemp()
        os.chmod(self.work, 0o755)
        os.mkdir(self.path("bin"))
        shutil.copy(program, self.path("bin/nginx"))
        with open(self.path("nginx.conf"), "w") as file:
            file.write(f"pid {self.path('pid')}; error_log {self.path('error.log')} notice; events {{}}\n"
                       f"http {{ access_log {self.path('access.log')}; server {{ listen unix:{self.path('socket')}; "
                       "location / { return 200 here; } }\n}\n")
        subprocess.run([self.path("bin/nginx"), "-c", self.path("nginx.conf"), "-e", self.path("error.log")], check=True,
                       timeout=20)
        eventually(lambda: self.pid() and self.workers())
        self.master = self.pid()
        self.first_workers = self.workers()

    def path(self, name):
        return os.path.join(self.work, name)

    def pid(self, file="pid"):
        try:
            return int(open(self.path(file)).read())
        except (OSError, ValueError):
            return 0

    def children(self, of=None):
        of = of or self.master
        try:
            with open(f"/proc/{of}/task/{of}/children") as children:
                return {int(pid) for pid in children.read().split()}
        except OSError:
            return set()

    def workers(self, of=None):
        return self.children(of or self.pid()) - {self.pid()}

    def answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2)
                client.connect(self.path("socket"))
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                answer = b""
                while piece := client.recv(4096):
                    answer += piece
                return answer.endswith(b"here")
        except OSError:
            return False

    def end(self):
        # All are looked up first: when the new binary ends, the old one's pid file gets another name.
        masters = {self.master, self.pid(), self.pid("pid.oldbin")} - {0}
        for master in masters:
            with contextlib.suppress(ProcessLookupError):
                os.kill(master, signal.SIGTERM)
        if not eventually(lambda: not any(running(master) for master in masters)):
            sys.exit(f"FAILED: one of the processes {masters} does not end")
        shutil.rmtree(self.work, ignore_errors=True)  # what ends may still be removing its pid file


def running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def eventually(holds, limit=20):
    end = time.monotonic() + limit
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def move_log(server):
    server.answers()
    os.rename(server.path("access.log"), server.path("moved.log"))


def change_binary(server):
    os.kill(server.master, signal.SIGUSR2)
    eventually(lambda: server.pid("pid.oldbin") and server.pid() and server.workers())


def finish_old_workers(server):
    change_binary(server)
    os.kill(server.master, signal.SIGWINCH)
    eventually(lambda: not server.children() - {server.pid()})


def nothing(_):
    pass


MASTER_STAYS = ("the master stays", lambda s: running(s.master) and s.pid() == s.master)
ANSWERS = ("it answers", Server.answers)
GONE = [("the master is gone", lambda s: not running(s.master)),
        ("its workers are gone", lambda s: not any(map(running, s.first_workers))),
        ("the pid file is gone", lambda s: not os.path.exists(s.path("pid"))),
        ("the socket's file is gone", lambda s: not os.path.exists(s.path("socket")))]
OLD_ALONE = [("the pid file is the old master's again", lambda s: s.pid() == s.master),
             ("there is no .oldbin", lambda s: not os.path.exists(s.path("pid.oldbin"))), ANSWERS]

# what comes before, the signal, to whom, what must be so
SIGNALS = [
    (nothing, signal.SIGTERM, Server.pid, GONE),
    (nothing, signal.SIGINT, Server.pid, GONE),
    (nothing, signal.SIGQUIT, Server.pid, GONE),
    (nothing, signal.SIGHUP, Server.pid,
     [("the workers are others", lambda s: s.workers() and not s.workers() & s.first_workers), MASTER_STAYS, ANSWERS]),
    (move_log, signal.SIGUSR1, Server.pid,
     [("the log is there again", lambda s: os.path.exists(s.path("access.log"))), MASTER_STAYS,
      ("the workers stay", lambda s: s.workers() == s.first_workers),
      ("lines go to the new file", lambda s: s.answers() and "GET" in open(s.path("access.log")).read())]),
    (nothing, signal.SIGUSR2, Server.pid,
     [("the old master's number is in .oldbin", lambda s: s.pid("pid.oldbin") == s.master),
      ("a new master is in the pid file", lambda s: s.pid() not in (0, s.master)),
      ("both have workers", lambda s: s.workers() and s.first_workers <= s.children()), ANSWERS]),
    (nothing, signal.SIGWINCH, Server.pid,
     [("the workers are gone", lambda s: not any(map(running, s.first_workers))), MASTER_STAYS,
      ("the socket is still there", lambda s: os.path.exists(s.path("socket")))]),
    (change_binary, signal.SIGQUIT, lambda s: s.master,
     [("the old master is gone", lambda s: not running(s.master)),
      ("there is no .oldbin", lambda s: not os.path.exists(s.path("pid.oldbin"))), ANSWERS]),
    (change_binary, signal.SIGQUIT, Server.pid, OLD_ALONE),
    (change_binary, signal.SIGUSR2, lambda s: s.master,
     [("a second one is ignored", lambda s: "ignor" in open(s.path("error.log")).read()), ANSWERS]),
    (change_binary, signal.SIGWINCH, lambda s: s.master,
     [("only the new one has workers", lambda s: not s.children() - {s.pid()} and s.workers()), ANSWERS]),
    (finish_old_workers, signal.SIGHUP, lambda s: s.master,
     [("the old master has workers again", lambda s: s.children() - {s.pid()}), ANSWERS]),
    (finish_old_workers, signal.SIGTERM, Server.pid, OLD_ALONE),
    (nothing, signal.SIGKILL, lambda s: next(iter(s.workers())),
     [("another worker is there", lambda s: s.workers() and not s.workers() & s.first_workers), MASTER_STAYS, ANSWERS]),
]

failures = 0
for before, number, to, facts in SIGNALS:
    for name, program in PROGRAMS.items():
        server = Server(program)
        try:
            before(server)
            os.kill(to(server), number)
            for what, holds in facts:
                if not eventually(lambda: holds(server)):
                    failures += 1
                    print(f"FAILED: {name}, {before.__name__}, {number.name}: {what}: not so")
        finally:
            server.end()
print(f"{len(SIGNALS)} signals, {failures} failures")
sys.exit(1 if failures else 0)
