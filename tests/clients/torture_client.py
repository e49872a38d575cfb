"""Clients of a gate that is killed: their connections may break by a kill only, and their uploads go on after it."""
import hashlib
import http.client
import random
import re
import threading

from torture import PATIENCE, Broken

DOCKER = {"manifest": "application/vnd.docker.distribution.manifest.v2+json",
          "config": "application/vnd.docker.container.image.v1+json",
          "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip"}
OCI = {"manifest": "application/vnd.oci.image.manifest.v1+json",
       "config": "application/vnd.oci.image.config.v1+json",
       "layer": "application/vnd.oci.image.layer.v1.tar+gzip"}


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Gate:
    """What the clients know of the gate: where it is, whether it is up, and how often it was killed."""

    def __init__(self, port: int, power_cuts: bool):
        self.port, self.power_cuts, self.up, self.kills = port, power_cuts, threading.Event(), 0

    def kills_while_up(self) -> int:
        """Waits until it is up. Whoever kills says so before counting it: a count read while it goes down is none."""
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
        """The answer's headers; `status` and `content` are the rest of it. A status that is not expected (one, or one
        of several) is a broken promise."""
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
    """Pushes images into repositories of its own until told to stop, whatever happens to the gate meanwhile.

    `known` is told of each blob that was acknowledged.
    """

    def __init__(self, number: int, seed: int, gate: Gate, known):
        super().__init__(name=f"client {number}", daemon=True)
        self.chance = random.Random(f"{seed} {number}")
        self.repositories = [f"kill/client{number}", f"kill/client{number}/more"]
        self.gate, self.known = gate, known
        self.stopping = False
        self.failure = None
        self.interrupted = 0  # times that a kill broke something off
        self.resumed = 0  # uploads that went on after a kill

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
        except Exception as failure:  # check() shows it
            self.failure = failure

    def push_image(self, number: int) -> None:
        """Whatever a program has its clients do."""
        raise NotImplementedError

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


def check(clients: list[Client]) -> None:
    """Errors: what a client failed with."""
    for client in clients:
        if client.failure:
            raise client.failure


def stop(clients: list[Client]) -> None:
    for client in clients:
        client.stopping = True
    for client in clients:
        client.join()
    check(clients)
