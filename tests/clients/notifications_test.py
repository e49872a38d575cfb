#!/usr/bin/env python3
"""Notifications. The same requests to docker-registry (registry:2) and to `caisson registry serve`, each with a receiver of
its own: the events must be the same, field by field. Then what registry:2 loses: events survive receivers that are down,
that fail or are slow, restarts and kill -9, and nobody who pushes waits for them.

CAISSON names the program; it is to be called with no argument."""

import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from registry_face_test import ANY, CAISSON, HOST, LIST, MANIFEST, OCI, Server, descriptor, digest_of, free_port, push

UA = [("User-Agent", 'agent/1 "x" <y>')]
ABSENT = "sha256:" + "0" * 64


class Receiver:
    """Takes events on a port, which stays the same when it closes and opens again."""

    def __init__(self):
        self.events, self.requests, self.status = [], [], 200
        self.answers = threading.Event()  # while it is not set, requests wait
        self.answers.set()
        self.arrived = threading.Condition()
        self.server, self.connections = None, []
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/events?key=SECRET"
        self.open()

    def open(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                outer.connections.append(self.connection)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.answers.wait()
                with outer.arrived:
                    outer.requests.append((self.path, self.headers))
                    if outer.status < 400:
                        outer.events += json.loads(body)["events"]
                    outer.arrived.notify_all()
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # connections that the sender, or close(), broke off
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def wait(self, what, condition):
        with self.arrived:
            if not self.arrived.wait_for(lambda: condition(self), 30):
                sys.exit(f"FAILED: {what}; the receiver has {len(self.events)} events and {len(self.requests)} requests")

    def digests(self):
        return [event["target"].get("digest") for event in self.events]


def expect(what, condition):
    if not condition:
        sys.exit("FAILED: " + what)
    print("- " + what)


def eventually(what, condition):
    for _ in range(600):
        if condition():
            break
        time.sleep(0.05)
    expect(what, condition())


def start(work, name, receiver, more="", port=None, environment=None):
    port, debug = port or free_port(), free_port()
    data = os.path.join(work, name + "-data")
    os.makedirs(data, exist_ok=True)
    path = os.path.join(work, name + ".yml")
    with open(path, "w") as file:
        file.write(f"""version: 0.1
storage: {{filesystem: {{rootdirectory: {data}}}, delete: {{enabled: true}}}}
http:
  addr: 127.0.0.1:{port}
  secret: s
  debug: {{addr: "127.0.0.1:{debug}", prometheus: {{enabled: true}}}}
auth: {{htpasswd: {{realm: r, path: {work}/users}}}}
notifications:
  events: {{includereferences: true}}
  endpoints:
  - {{name: mine, url: '{receiver.url}', timeout: 5s, threshold: 3, backoff: 100ms, headers: {{X-Mine: [a]}}{more}}}
  - {{name: off, url: 'http://127.0.0.1:1/', disabled: true}}
""")
    command = ["docker-registry"] if name == "registry" else [CAISSON, "registry"]
    os.environ.update(environment or {})
    server = Server(name, command + ["serve", path], port, work)
    server.debug, server.data, server.plain_ask = debug, data, server.ask
    server.ask = lambda method, target, headers=(), body=b"": server.plain_ask(
        method, target, [("Authorization", "Basic dTpw"), *headers], body)
    return server


def metrics(server):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.debug}/metrics") as answer:
        lines = [line for line in answer.read().decode().splitlines() if line.startswith("registry_notifications")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def do_everything(server):
    data, config = b"x" * 1000, b'{"architecture":"amd64","os":"linux"}'

    def ask(method, path, headers=(), body=b""):
        return server.ask(method, path, [*UA, *headers], body).status

    def put(reference, media_type, document):
        body = json.dumps(document).encode()
        assert ask("PUT", f"/v2/app/manifests/{reference}", [("Content-Type", media_type)], body) == 201
        return body

    for blob in (data, config, b""):
        push(server, "app", blob)
    blob = f"/v2/app/blobs/{digest_of(data)}"
    ask("HEAD", blob)
    ask("GET", blob)
    ask("GET", blob, [("Range", "bytes=0-9")])
    ask("GET", blob, [("X-Forwarded-For", "192.0.2.7, 192.0.2.8"), ("X-Forwarded-Proto", "https")])
    ask("GET", blob, [("X-Forwarded-For", "who"), ("X-Real-Ip", "2001:db8::1")])
    ask("GET", f"/v2/app/blobs/{ABSENT}")
    ask("POST", f"/v2/other/blobs/uploads/?mount={digest_of(data)}&from=app")
    ask("POST", f"/v2/other/blobs/uploads/?mount={digest_of(data)}&from=app")
    ask("POST", f"/v2/other/blobs/uploads/?mount={ABSENT}&from=app")
    layer = descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", data)
    image = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer],
             "config": descriptor("application/vnd.docker.container.image.v1+json", config)}
    stored = put("v1", MANIFEST, image)
    put("v1", MANIFEST, image)
    put("v2", MANIFEST, image)
    put(digest_of(stored), MANIFEST, image)
    put("oci", OCI, {"schemaVersion": 2, "config": descriptor("application/vnd.oci.image.config.v1+json", config),
                     "layers": [{**descriptor("application/vnd.oci.image.layer.v1.tar+gzip", data),
                                 "annotations": {"k": "v"}}]})
    put("multi", LIST, {"schemaVersion": 2, "mediaType": LIST, "manifests": [
        {**descriptor(MANIFEST, stored), "platform": {"os": "linux", "architecture": "amd64"}}]})
    for method in ("GET", "HEAD"):
        ask(method, "/v2/app/manifests/v1", [("Accept", ANY)])
        ask(method, f"/v2/app/manifests/{digest_of(stored)}", [("Accept", ANY)])
        ask(method, "/v2/app/manifests/none", [("Accept", ANY)])
    ask("GET", "/v2/app/manifests/oci", [("Accept", ANY)])
    ask("GET", "/v2/app/manifests/v1", [("Accept", ANY), ("If-None-Match", f'"{digest_of(stored)}"')])
    ask("GET", "/v2/app/manifests/multi", [("Accept", ANY)])
    ask("GET", "/v2/app/manifests/multi", [("Accept", MANIFEST)])
    ask("GET", "/v2/app/tags/list")
    ask("DELETE", f"/v2/app/manifests/{digest_of(stored)}")
    ask("DELETE", f"/v2/app/manifests/{digest_of(stored)}")
    ask("DELETE", blob)
    ask("DELETE", blob)
    push(server, "app", b"the last")
    return digest_of(b"the last")


def comparable(events):
    """The events without what is new each time; that it is there, and has the same form, stays. What belongs to one
    request has one id."""
    ids, made = {}, []
    for event in events:
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", event["id"]), event
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", event["timestamp"]), event
        text = json.dumps(event)
        request = event["request"]["id"]
        text = text.replace(event["id"], "ID").replace(event["timestamp"], "TIME")
        text = text.replace(request, "REQUEST%d" % ids.setdefault(request, len(ids)))
        text = text.replace(event["source"]["instanceID"], "INSTANCE")
        text = re.sub(r'"addr": "127\.0\.0\.1:\d+"', '"addr": "CLIENT"', text)
        text = re.sub(r'"addr": "%s:\d+"' % re.escape(socket.gethostname()), '"addr": "SERVER"', text)
        made.append(json.loads(text))
    return made


def order(events):
    """Tags go with a manifest in any order."""
    return sorted(events, key=lambda event: (int(event["request"]["id"][7:]), event["target"].get("tag", ""),
                                             "digest" not in event["target"]))


def same_events(work):
    seen = {}
    for name in ("registry", "caisson"):
        receiver = Receiver()
        server = start(work, name, receiver)
        try:
            last = do_everything(server)
            receiver.wait(f"{name} tells of the last push", lambda it: last in it.digests())
            seen[name] = order(comparable(receiver.events))
            path, headers = receiver.requests[0]
            seen[name + " sent"] = (path, headers["Content-Type"], headers["X-Mine"])
            if name == "caisson":
                eventually("all is delivered",
                           lambda: metrics(server)['registry_notifications_pending_total{endpoint="mine"}'] == 0)
        finally:
            server.stop()
            receiver.close()
        if name == "caisson":
            left = os.path.join(server.data, "docker/registry/v2/_notifications/mine")
            expect("a queue that is empty leaves nothing behind", os.listdir(left) == [])
            with open(server.log.name) as log:
                expect("the URL of the receiver is in no log", "SECRET" not in log.read())
    theirs, ours = seen["registry"], seen["caisson"]
    for one, other in zip(theirs, ours):
        if one != other:
            sys.exit(f"FAILED: an event differs\n  registry:2 {json.dumps(one)}\n  caisson    {json.dumps(other)}")
    expect(f"{len(theirs)} events are the same, field by field", len(theirs) == len(ours) and len(theirs) > 25)
    expect("and so is how they are sent", seen["registry sent"] == seen["caisson sent"])


def push_some(server, first, count):
    return [push(server, "app", b"blob %d" % number) for number in range(first, first + count)]


def survives(work):
    receiver = Receiver()
    server = start(work, "survivor", receiver)
    try:
        told = push_some(server, 0, 3)
        receiver.wait("events arrive", lambda it: set(told) <= set(it.digests()))
        receiver.status = 500
        told += push_some(server, 3, 3)
        receiver.wait("a receiver that fails is asked again", lambda it: len(it.requests) > 3 + 5)
        receiver.status = 200
        receiver.wait("and gets what it missed", lambda it: set(told) <= set(it.digests()))
        expect("a receiver that failed gets all events, in their order, once each", receiver.digests() == told)

        receiver.close()
        told += push_some(server, 6, 3)
        numbers = metrics(server)
        expect("what waits is counted",
               numbers['registry_notifications_pending_total{endpoint="mine"}'] == 3
               and numbers['registry_notifications_events_total{endpoint="mine",type="Successes"}'] == 6
               and numbers['registry_notifications_events_total{endpoint="mine",type="Failures"}'] >= 3
               and numbers['registry_notifications_status_total{code="500 Internal Server Error",endpoint="mine"}'] >= 3)
        server.stop()
        server = start(work, "survivor", receiver)
        told += push_some(server, 9, 2)
        for pid in [server.process.pid, *workers_of(server)]:
            os.kill(pid, signal.SIGKILL)
        server.process.wait()
        receiver.open()
        server = start(work, "survivor", receiver)
        receiver.wait("what waited is delivered after a restart and a kill", lambda it: set(told) <= set(it.digests()))
        print("- nothing is lost by a restart or kill -9")

        receiver.answers.clear()
        told += push_some(server, 11, 20)
        expect("pushes do not wait for a receiver that does not answer", set(told[-20:]).isdisjoint(receiver.digests()))
        receiver.answers.set()
        receiver.wait("the slow one gets all in the end", lambda it: set(told) <= set(it.digests()))
    finally:
        server.stop()
        receiver.close()


def workers_of(server):
    """The processes that the server has started."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                parent = int(stat.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == server.process.pid:
            found.append(int(pid))
    return found


def filters_and_secrets(work):
    receiver = Receiver()
    secret = os.path.join(work, "secret")
    with open(secret, "w") as file:
        file.write("Bearer from-a-file")
    server = start(work, "filtered", receiver, ", ignoredmediatypes: [application/octet-stream], ignore: {actions: [pull]}",
                   environment={"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_HEADERS_Authorization_FILE": secret})
    try:
        config = b"{}"
        push(server, "app", config)
        image = {"schemaVersion": 2, "config": descriptor("application/vnd.oci.image.config.v1+json", config), "layers": []}
        assert server.ask("PUT", "/v2/app/manifests/v1", [("Content-Type", OCI)], json.dumps(image).encode()).status == 201
        assert server.ask("GET", "/v2/app/manifests/v1", [("Accept", ANY)]).status == 200
        assert server.ask("DELETE", "/v2/app/manifests/v1").status == 202
        receiver.wait("what is not ignored arrives", lambda it: len(it.events) == 2)
        expect("media types and actions are filtered; a tag that was deleted is told",
               [(event["action"], event["target"].get("tag")) for event in receiver.events] ==
               [("push", "v1"), ("delete", "v1")])
        expect("a header may come from a file", receiver.requests[0][1]["Authorization"] == "Bearer from-a-file")
    finally:
        server.stop()
        receiver.close()
        del os.environ["REGISTRY_NOTIFICATIONS_ENDPOINTS_0_HEADERS_Authorization_FILE"]


def in_nginx_language(work):
    receiver = Receiver()
    port = free_port()
    data, secret, conf = (os.path.join(work, name) for name in ("gate-data", "gate-secret", "gate.conf"))
    os.mkdir(data)
    if os.geteuid() == 0:
        shutil.chown(data, "nobody")
        os.chmod(work, 0o755)
    with open(secret, "w") as file:
        file.write("me:old\n")
    with open(conf, "w") as file:
        file.write(f"""daemon off; pid {work}/gate.pid; error_log stderr info; user nobody nogroup;
events {{}}
http {{
  access_log off;
  upstream registry {{ registry {data}; registry_notify it {receiver.url} credentials={secret} ignore_action=pull; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://registry; proxy_set_header Host $http_host; }} }}
}}
""")
    server = Server("gate", [CAISSON, "-c", conf, "-p", work], port, work)
    try:
        pushed = push(server, "app", b"one")
        receiver.wait("an event arrives", lambda it: pushed in it.digests())
        expect("credentials come from a file", receiver.requests[0][1]["Authorization"] == "Basic bWU6b2xk")
        expect("events name host and client as the client's own connection has them",
               receiver.events[0]["request"]["host"] == HOST and
               receiver.events[0]["request"]["addr"].startswith("127.0.0.1:"))
        with open(secret + ".new", "w") as file:
            file.write("me:new\n")
        os.rename(secret + ".new", secret)
        number, deadline = 0, time.monotonic() + 30
        while receiver.requests[-1][1]["Authorization"] != "Basic bWU6bmV3":
            if time.monotonic() > deadline:
                sys.exit("FAILED: new credentials are never used")
            number += 1
            pushed = push(server, "app", b"again %d" % number)
            receiver.wait("an event arrives", lambda it: pushed in it.digests())
        print("- a file that changes is taken up without a reload")
    finally:
        server.stop()
        receiver.close()


def nowhere_to_write(work):
    """A store that is only read, and one where the folder of the queues cannot be made: events wait in memory."""
    receiver = Receiver()
    queues = os.path.join(work, "survivor-data/docker/registry/v2/_notifications")
    shutil.rmtree(queues)
    server = start(work, "survivor", receiver, environment={"REGISTRY_STORAGE_MAINTENANCE_READONLY": "{enabled: true}"})
    try:
        assert server.ask("GET", "/v2/app/blobs/" + digest_of(b"blob 0")).status == 200
        receiver.wait("a pull from a read-only store is told", lambda it: len(it.events) == 1)
        expect("a read-only store tells of pulls, and is not written", not os.path.exists(queues))
    finally:
        server.stop()
        del os.environ["REGISTRY_STORAGE_MAINTENANCE_READONLY"]
    with open(queues, "w") as file:
        file.write("in the way")
    server = start(work, "survivor", receiver)
    try:
        pushed = push(server, "app", b"despite it")
        receiver.wait("a push is told", lambda it: pushed in it.digests())
        with open(server.log.name) as log:
            expect("where no queue can be kept, a push succeeds, is told, and the log warns", "kept in memory" in log.read())
    finally:
        server.stop()
        receiver.close()


def shared_volume(work):
    """Two processes on one volume: what the one leaves behind, the other delivers."""
    receiver = Receiver()
    receiver.close()
    first = start(work, "shared", receiver)
    second = start(work, "shared", receiver)
    try:
        told = push_some(first, 100, 3) + push_some(second, 200, 3)
        first.process.send_signal(signal.SIGTERM)
        first.process.wait(20)
        receiver.open()
        receiver.wait("the other process takes over", lambda it: set(told) <= set(it.digests()))
        expect("of two processes on a volume, one delivers what the other left behind, once",
               sorted(receiver.digests()) == sorted(told))
    finally:
        for server in (first, second):
            if server.process.poll() is None:
                server.stop()
        receiver.close()


def main():
    work = tempfile.mkdtemp(prefix="caisson-notify-")
    subprocess.run(["htpasswd", "-cbB", "-C", "4", os.path.join(work, "users"), "u", "p"], check=True, capture_output=True)
    try:
        same_events(work)
        survives(work)
        filters_and_secrets(work)
        in_nginx_language(work)
        nowhere_to_write(work)
        shared_volume(work)
        return 0
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
