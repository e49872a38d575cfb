#!/usr/bin/env python3
"""The same requests to docker-registry (registry:2) and to `caisson registry serve`, each with the same configuration on
its own copy of one folder. Status, body and every header must be the same, but for what is ours on purpose: that is
listed beside the request, with its reason. A difference that is listed and not met fails, too.

CAISSON names the program; it is to be called with no argument."""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

CAISSON = os.environ.get("CAISSON", os.path.join(os.path.dirname(__file__), "../../build/proxy/caisson"))
HOST = "reg.test:5000"

# Headers that every answer has on one side: who serves, and that a connection may stay open. nginx's head has them, too.
OURS_ALWAYS = {"server", "connection", "date"}

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
ANY = f"{MANIFEST}, {LIST}, {OCI}"

JSON_404 = "under /v2/ a registry's clients can show JSON, and no plain text"
API_HEAD = "it is an answer of the API like all others"
UNCHANGED = "a 304 names what it is about (RFC 9110, section 15.4.5)"
CACHES = "caches must know that Accept can choose"
NO_BODY = "a redirect's page is for people"
LOCATION = "an upload needs no signed state here: any Location that was ever given serves"
HEAD_TOO = "HEAD is answered wherever GET is"
SORTED = "tags are sorted, as the OCI specification wants"
MESSAGE = "the detail says what is wrong, and nothing of the program"
DETAIL = "the error says what is unknown, as it does for GET"
WRONG_METHOD = "JSON, as every error"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class Server:
    def __init__(self, name, command, port, folder):
        self.name, self.port = name, port
        self.log = open(os.path.join(folder, name + ".log"), "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    sys.exit(f"{name} does not serve:\n" + open(self.log.name).read())
                time.sleep(0.02)

    def ask(self, method, target, headers=(), body=b""):
        head = [f"{method} {target} HTTP/1.1", f"Host: {HOST}", "Connection: close"]
        head += [f"{name}: {value}" for name, value in headers]
        if body or method in ("POST", "PUT", "PATCH"):
            head.append(f"Content-Length: {len(body)}")
        with socket.create_connection(("127.0.0.1", self.port), 20) as wire:
            wire.settimeout(20)
            wire.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
            received = b""
            while block := wire.recv(65536):
                received += block
        top, _, rest = received.partition(b"\r\n\r\n")
        lines = top.decode("latin-1").split("\r\n")
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields.setdefault(name.lower(), []).append(value.strip())
        return Answer(int(lines[0].split()[1]), fields, rest)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def comparable(answer):
    """The fields of an answer by name, without what differs each time."""
    fields = {"status": answer.status, "body": answer.body}
    for name, values in answer.headers.items():
        if name not in OURS_ALWAYS:
            fields[name] = [UUID.sub("UUID", value) for value in values]
    return fields


class Comparison:
    def __init__(self, theirs, ours):
        self.theirs, self.ours = theirs, ours
        self.compared, self.failures = 0, []

    def same(self, method, target, headers=(), body=b"", ours=None):
        """Asks both. `target` may be a function of the server's name. `ours`: the fields that differ, each with why."""
        ours = ours or {}
        answers = {}
        for server in (self.theirs, self.ours):
            path = target(server.name) if callable(target) else target
            answers[server.name] = server.ask(method, path, headers, body)
        theirs, mine = comparable(answers["registry"]), comparable(answers["caisson"])
        self.compared += 1
        shown = target if isinstance(target, str) else "(an upload)"
        for field in sorted(set(theirs) | set(mine)):
            differs = theirs.get(field) != mine.get(field)
            if differs and field not in ours:
                self.failures.append(f"{method} {shown} {list(headers)}: {field}\n    registry:2  {theirs.get(field)!r}\n"
                                     f"    caisson     {mine.get(field)!r}")
            if not differs and field in ours:
                self.failures.append(f"{method} {shown}: {field} does not differ any more ({ours[field]})")
        for field in set(ours) - set(theirs) - set(mine):
            self.failures.append(f"{method} {shown}: nobody has {field} ({ours[field]})")
        return answers


def push(server, repository, data):
    begun = server.ask("POST", f"/v2/{repository}/blobs/uploads/")
    target = begun.headers["location"][0].split(HOST, 1)[1]
    done = server.ask("PUT", f"{target}&digest={digest_of(data)}" if "?" in target else f"{target}?digest={digest_of(data)}",
                      (), data)
    assert done.status == 201, (done.status, done.body)
    return digest_of(data)


def put_manifest(server, repository, tag, media_type, document):
    body = json.dumps(document).encode()
    done = server.ask("PUT", f"/v2/{repository}/manifests/{tag}", [("Content-Type", media_type)], body)
    assert done.status == 201, (done.status, done.body)
    return body


def config_of(folder, port, prefix="", more=""):
    return f"""version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}, delete: {{enabled: true}}, cache: {{blobdescriptor: inmemory}}}}
http:
  addr: 127.0.0.1:{port}
  secret: s
  {prefix}
  headers: {{X-Content-Type-Options: [nosniff], x-extra: [one, two]}}
{more}
"""


def start(work, name, data, prefix="", more=""):
    port = free_port()
    path = os.path.join(work, name + ".yml")
    with open(path, "w") as file:
        file.write(config_of(data, port, prefix, more))
    command = ["docker-registry"] if name == "registry" else [CAISSON, "registry"]
    return Server(name, command + ["serve", path], port, work)


def descriptor(media_type, data):
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


def main():
    work = tempfile.mkdtemp(prefix="caisson-face-")
    servers = []
    try:
        # One folder, filled by registry:2.
        first = os.path.join(work, "registry-data")
        os.mkdir(first)
        filler = start(work, "registry", first)
        servers.append(filler)
        layer, config = b"layer " * 200, b'{"architecture":"amd64","os":"linux"}'
        image = {"schemaVersion": 2, "mediaType": MANIFEST,
                 "config": descriptor("application/vnd.docker.container.image.v1+json", config),
                 "layers": [descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)]}
        for repository in ("app", "team/app"):
            for data in (layer, config):
                push(filler, repository, data)
            for tag in ("v1", "v2"):
                manifest = put_manifest(filler, repository, tag, MANIFEST, image)
        both = {"schemaVersion": 2, "mediaType": LIST,
                "manifests": [{**descriptor(MANIFEST, manifest), "platform": {"os": "linux", "architecture": "amd64"}}]}
        whole = put_manifest(filler, "app", "multi", LIST, both)
        filler.stop()
        second = os.path.join(work, "caisson-data")
        shutil.copytree(first, second, symlinks=True)

        theirs, ours = start(work, "registry", first), start(work, "caisson", second)
        servers += [theirs, ours]
        compare = Comparison(theirs, ours)
        same = compare.same
        read(same, layer, manifest, whole)
        write(same)
        for server in (theirs, ours):
            server.stop()

        users = os.path.join(work, "users")
        subprocess.run(["htpasswd", "-cbB", "-C", "5", users, "u", "p"], check=True, capture_output=True)
        guarded = f"auth: {{htpasswd: {{realm: 'the \"realm\"', path: {users}}}}}"
        theirs = start(work, "registry", first, "prefix: /reg/", guarded)
        ours = start(work, "caisson", second, "prefix: /reg/", guarded)
        servers += [theirs, ours]
        compare.theirs, compare.ours = theirs, ours
        guard(same)
        for server in (theirs, ours):
            server.stop()

        for failure in compare.failures:
            print(failure)
        print(f"{compare.compared} requests, {len(compare.failures)} unexpected differences")
        return 1 if compare.failures else 0
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait()
        shutil.rmtree(work)


def read(same, layer, manifest, whole):
    blob, tagged, listed = digest_of(layer), digest_of(manifest), digest_of(whole)
    absent = "sha256:" + "a" * 64
    same("GET", "/")
    same("GET", "/v2/")
    same("GET", "/v2", ours={"body": NO_BODY, "content-length": NO_BODY, "content-type": NO_BODY,
                             "x-content-type-options": API_HEAD, "x-extra": API_HEAD})
    same("GET", "/v1/_ping")
    same("GET", "/favicon.ico")
    same("GET", "/v2/app", ours={"body": JSON_404, "content-type": JSON_404, "content-length": JSON_404,
                                 "x-extra": "it is an answer of the API"})
    same("GET", "/v2/_catalog")
    same("GET", "/v2/_catalog?n=1")
    same("GET", "/v2/_catalog?n=1&last=app")
    same("GET", "/v2/_catalog?n=5000")
    same("GET", "/v2/app/tags/list", ours={"body": SORTED})
    same("GET", "/v2/none/tags/list")
    for method in ("GET", "HEAD"):
        same(method, f"/v2/app/blobs/{blob}")
        same(method, f"/v2/app/blobs/{absent}")
        same(method, f"/v2/app/manifests/{tagged}", [("Accept", ANY)])
        same(method, "/v2/app/manifests/v1", [("Accept", ANY)])
        same(method, "/v2/app/manifests/multi", [("Accept", ANY)], ours={"vary": CACHES})
        same(method, "/v2/app/manifests/none", [("Accept", ANY)])
        same(method, f"/v2/app/manifests/{absent}", [("Accept", ANY)])
    same("GET", "/v2/team/app/manifests/v2", [("Accept", ANY)])
    same("GET", "/v2/app/manifests/multi", [("Accept", MANIFEST)], ours={"vary": CACHES})
    same("GET", f"/v2/app/manifests/{listed}", [("Accept", ANY), ("If-None-Match", f'"{listed}"')],
         ours={"docker-content-digest": UNCHANGED, "etag": UNCHANGED})
    same("GET", f"/v2/app/blobs/{blob}", [("If-None-Match", f'"{blob}"')])
    same("GET", f"/v2/app/blobs/{blob}", [("Range", "bytes=10-19")])
    same("GET", f"/v2/app/blobs/{blob}", [("Range", "bytes=-5")])
    same("GET", f"/v2/app/blobs/{blob}", [("Range", "bytes=1190-99999")])
    same("GET", "/v2/app/blobs/sha256:zz", ours={"body": MESSAGE, "content-length": MESSAGE})
    same("PUT", "/v2/app/tags/list", ours={"body": WRONG_METHOD, "content-type": WRONG_METHOD,
                                           "content-length": WRONG_METHOD, "allow": HEAD_TOO})
    same("OPTIONS", "/v2/app/tags/list", ours={"allow": HEAD_TOO})
    same("OPTIONS", f"/v2/app/blobs/{blob}")


def write(same):
    data = b"x" * 1000
    digest = digest_of(data)
    at = {}

    def upload(more=""):
        return lambda name: at[name] + (("&" if "?" in at[name] else "?") + more if more else "")

    def follow(answers):
        for name, answer in answers.items():
            at[name] = answer.headers["location"][0].split(HOST, 1)[1]

    follow(same("POST", "/v2/new/blobs/uploads/", ours={"location": LOCATION}))
    follow(same("PATCH", upload(), [("Content-Type", "application/octet-stream")], data[:400],
                ours={"location": LOCATION}))
    follow(same("GET", upload(), ours={"location": LOCATION}))
    same("PUT", upload("digest=" + digest), [("Content-Type", "application/octet-stream")], data[400:])
    same("GET", f"/v2/new/blobs/{digest}")
    same("POST", f"/v2/other/blobs/uploads/?mount={digest}&from=new")
    same("GET", f"/v2/new/blobs/uploads/{'0' * 8}-0000-4000-8000-{'0' * 12}",
         ours={"body": "there is no such upload, whatever its missing state would have said"})
    follow(same("POST", "/v2/new/blobs/uploads/", ours={"location": LOCATION}))
    same("DELETE", upload())
    missing = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor("application/json", b"none"),
               "layers": []}
    same("PUT", "/v2/new/manifests/v1", [("Content-Type", MANIFEST)], json.dumps(missing).encode())
    small = {**missing, "config": descriptor("application/vnd.docker.container.image.v1+json", data)}
    body = json.dumps(small).encode()
    same("PUT", "/v2/new/manifests/v1", [("Content-Type", MANIFEST)], body)
    same("GET", "/v2/new/manifests/v1", [("Accept", ANY)])
    same("DELETE", f"/v2/new/manifests/{digest_of(body)}")
    same("DELETE", f"/v2/new/manifests/{digest_of(body)}", ours={"body": DETAIL, "content-length": DETAIL})
    same("DELETE", f"/v2/new/blobs/{digest}")
    same("DELETE", f"/v2/new/blobs/{digest}", ours={"body": DETAIL, "content-length": DETAIL})
    for forwarded in (("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "a.example, b.example"),
                      ("Forwarded", "for=192.0.2.1;proto=https;host=c.example")):
        same("POST", f"/v2/other/blobs/uploads/?mount={digest}&from=none", [forwarded], ours={"location": LOCATION})


def guard(same):
    user = [("Authorization", "Basic dTpw")]
    asks = "browsers ask by OPTIONS, without a password"
    same("GET", "/")
    same("GET", "/v2/")
    same("GET", "/reg/")
    for method, path in (("GET", "/reg/v2/"), ("GET", "/reg/v2/_catalog"), ("GET", "/reg/v2/app/tags/list"),
                         ("HEAD", "/reg/v2/app/manifests/v1"), ("POST", "/reg/v2/app/blobs/uploads/"),
                         ("POST", "/reg/v2/app/blobs/uploads/?from=team/app&mount=x"),
                         ("DELETE", "/reg/v2/app/manifests/v1")):
        same(method, path)
    same("GET", "/reg/v2/", [("Authorization", "Basic dTp3cm9uZw==")])
    same("GET", "/reg/v2/", user)
    same("GET", "/reg/v2/_catalog?n=1", user)
    same("POST", "/reg/v2/app/blobs/uploads/", user, ours={"location": LOCATION})
    same("OPTIONS", "/reg/v2/app/tags/list",
         ours={"status": asks, "www-authenticate": asks, "body": asks, "content-length": asks, "content-type": asks,
               "allow": asks})


if __name__ == "__main__":
    sys.exit(main())
