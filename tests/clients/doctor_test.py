#!/usr/bin/env python3
"""Volumes of docker-registry (registry:2), damaged by what damages them in life, and `caisson registry verify` on each:
the report names exactly the images that are hurt, and why; --repair mends what it says; --from brings the rest back from
a registry that is open, has a password, or wants tokens and redirects. Afterwards the volume is clean, and both
docker-registry and caisson serve every image whole.

CAISSON names the program; it is to be called with no argument."""

import concurrent.futures
import contextlib
import http.server
import itertools
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
CAISSON = os.environ.get("CAISSON", str(HERE / "../../build/proxy/caisson"))
V2 = "docker/registry/v2"
REPOSITORIES = ("guide/one", "guide/two")
USER, PASSWORD = "sammy", "correct horse/battery:staple"

work = pathlib.Path(tempfile.mkdtemp())
os.environ.update(HOME=str(work), XDG_RUNTIME_DIR=str(work), LC_ALL="C")
for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
    os.environ.pop(name, None)


def proves(sentence):
    print("-", sentence, flush=True)


def expect(what, expected, got):
    if expected != got:
        raise AssertionError(f"{what}:\n  expected {expected}\n  got      {got}")


def run(*command, status=0, **more):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if status is not None and done.returncode != status:
        raise AssertionError(f"{command} ended with {done.returncode}, not {status}:\n{done.stdout}")
    return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def served(program, root, auth="", tls="", kill=False):
    """A registry on that volume, by either program; its port."""
    port = free_port()
    config = work / f"{port}.yml"
    config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}\n"
                      f"http: {{addr: '127.0.0.1:{port}', secret: tests{tls}}}\n{auth}")
    command = ["docker-registry", "serve"] if program == "docker-registry" else [CAISSON, "registry", "serve"]
    log = work / f"{port}.log"
    with open(log, "wb") as out:
        process = subprocess.Popen([*command, str(config)], stdout=out, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"{program} does not serve:\n{log.read_text()}") from None
                time.sleep(0.02)
        yield port
    finally:
        process.kill() if kill else process.terminate()
        process.wait(20)


def copy(source, target, *options):
    return run("skopeo", "--insecure-policy", "copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false",
               *options, source, target)


def push(port, layout, repository, tag="v1"):
    copy(f"oci:{work}/{layout}:multi", f"docker://127.0.0.1:{port}/{repository}:{tag}")


def expect_pullable(root, images=(("layout-one", "guide/one:v1"), ("layout-two", "guide/two:v1"))):
    for program in ("docker-registry", "caisson"):
        with served(program, root) as port:
            for layout, image in images:
                back = pathlib.Path(tempfile.mkdtemp(dir=work))
                copy(f"docker://127.0.0.1:{port}/{image}", f"oci:{back}:multi")
                run("diff", "-r", work / layout / "blobs", back / "blobs")
                shutil.rmtree(back)


def verify(root, *options, status):
    text = run(CAISSON, "registry", "verify", "--json", "--root", root, *options, status=status)
    return json.loads(text)


def images_in(report):
    return sorted(f"{image['repository']}:{image['tag']}" if image["tag"] else image["repository"]
                  for image in report["images"])


def codes_in(report):
    return sorted({finding["code"] for finding in report["findings"]})


class Volume:
    """One that a case may damage."""

    def __init__(self, healthy):
        self.root = pathlib.Path(tempfile.mkdtemp(dir=work)) / "volume"
        run("cp", "-a", healthy, self.root)
        self.v2 = self.root / V2

    def data(self, digest):
        return self.v2 / "blobs/sha256" / digest[7:9] / digest[7:] / "data"

    def json(self, digest):
        return json.loads(self.data(digest).read_text())

    def tag_link(self, repository, tag="v1"):
        return self.v2 / "repositories" / repository / "_manifests/tags" / tag / "current/link"

    def index(self, repository="guide/one"):
        return self.tag_link(repository).read_text()

    def child(self, repository="guide/one"):
        return self.json(self.index(repository))["manifests"][0]["digest"]

    # The layer that both platforms have is the first one.
    def layer(self, repository="guide/one", number=1):
        return self.json(self.child(repository))["layers"][number]["digest"]

    def layer_link(self, digest, repository="guide/one"):
        return self.v2 / "repositories" / repository / "_layers/sha256" / digest[7:] / "link"

    def revision_link(self, digest, repository="guide/one"):
        return self.v2 / "repositories" / repository / "_manifests/revisions/sha256" / digest[7:] / "link"


def truncate(path, size=0):
    assert path.exists(), path
    os.truncate(path, size)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def collect_as_registry_2(volume):
    config = work / "collect.yml"
    config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {volume.root}}}}}\n")
    run("docker-registry", "garbage-collect", "--delete-untagged", config)


def wreck(volume):
    """Most of it at once, from the index down."""
    truncate(volume.data(volume.layer("guide/two", 0)))
    volume.data(volume.layer("guide/two")).unlink()
    shutil.rmtree(volume.revision_link(volume.child("guide/two"), "guide/two").parent)
    volume.data(volume.child("guide/two")).unlink()
    truncate(volume.data(volume.index("guide/two")), 100)


# What is done to the volume; the images that are hurt, the codes; whether the volume alone tells how to mend it.
CASES = [
    ("a tag's link is empty", lambda v: truncate(v.tag_link("guide/one")), ["guide/one:v1"], ["tag-link-empty"], True),
    ("a layer's link is empty", lambda v: truncate(v.layer_link(v.layer())), ["guide/one:v1"], ["layer-link-empty"], True),
    ("a layer's link is gone", lambda v: v.layer_link(v.layer()).unlink(), ["guide/one:v1"], ["layer-link-missing"], True),
    ("the link of an index's child is empty", lambda v: truncate(v.revision_link(v.child())),
     ["guide/one:v1"], ["revision-link-empty"], True),
    ("a layer's data is gone", lambda v: v.data(v.layer()).unlink(), ["guide/one:v1"], ["content-missing"], False),
    ("one bit of a layer changed", lambda v: flip(v.data(v.layer())), ["guide/one:v1"], ["content-damaged"], False),
    ("half of a manifest was written", lambda v: truncate(v.data(v.child()), 200), ["guide/one:v1"], ["content-damaged"], False),
    ("registry:2 collected garbage and took the children of indexes", collect_as_registry_2,
     ["guide/one:v1", "guide/two:v1"], ["content-missing", "revision-link-missing"], False),
    ("of an image hardly anything is left", wreck, ["guide/two", "guide/two:v1"],
     ["content-damaged", "content-empty"], False),
]


class Store(http.server.BaseHTTPRequestHandler):
    """The healthy volume behind a token service, with its blobs at another place. What it may not be told, it notes.

    Its first answer for each of its things is of no use: 503, or half of the bytes."""

    protocol_version = "HTTP/1.1"
    token = "a-token"
    leaks = []
    requests = []
    asked = set()
    resumed = []

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        said = self.headers.get("Authorization", "")
        role = self.server.role
        first = (role, path) not in {request[:2] for request in self.requests}
        type(self).requests.append((role, path, query))
        if role == "tokens":
            return self.answer(200 if said.startswith("Basic ") else 401, json.dumps({"token": self.token}).encode())
        if role == "contents":
            if said:
                self.leaks.append(said)
            return self.bytes_of(path.rsplit("/", 1)[1], first)
        if said != f"Bearer {self.token}":
            challenge = f'Bearer realm="http://127.0.0.1:{self.server.tokens}/token",service="store"'
            return self.answer(401, b"{}", WWW_Authenticate=challenge)
        digest = path.rsplit("/", 1)[1]
        if (role, path) not in self.asked:
            self.asked.add((role, path))
            return self.answer(503, b"{}", Retry_After="0")
        if "/blobs/" in path:
            return self.answer(307, Location=f"http://127.0.0.1:{self.server.contents}/{digest}")
        return self.answer(200, self.server.blob(digest))


    def bytes_of(self, digest, half):
        content = self.server.blob(digest)
        asked = re.fullmatch("bytes=([0-9]+)-", self.headers.get("Range", ""))
        if asked:
            begin = int(asked[1])
            self.resumed.append(begin)
            return self.answer(206, content[begin:], Content_Range=f"bytes {begin}-{len(content) - 1}/{len(content)}")
        if not half:
            return self.answer(200, content)
        self.answer(200, b"", Connection="close", Content_Length=str(len(content)))
        self.wfile.write(content[:len(content) // 2])
        self.close_connection = True


@contextlib.contextmanager
def token_store(healthy):
    servers = {}
    for role in ("tokens", "contents", "registry"):
        server = servers[role] = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
        server.role = role
        server.blob = lambda digest: (healthy / V2 / "blobs/sha256" / digest[7:9] / digest[7:] / "data").read_bytes()
    for role in ("tokens", "contents"):
        setattr(servers["registry"], role, servers[role].server_port)
    threads = [threading.Thread(target=server.serve_forever, daemon=True) for server in servers.values()]
    for thread in threads:
        thread.start()
    yield servers["registry"].server_port
    for server in servers.values():
        server.shutdown()


def clean_volumes():
    proves("a volume that docker-registry or caisson filled, and where things were deleted, is clean")
    for seed in ("one", "two"):
        run(HERE / "make_oci_layout.py", work / f"layout-{seed}", seed)
    volumes = {}
    for program in ("caisson", "docker-registry"):
        root = volumes[program] = work / f"healthy-{program}"
        root.mkdir()
        with served(program, root) as port:
            push(port, "layout-one", "guide/one")
            push(port, "layout-two", "guide/two")
            push(port, "layout-two", "guide/two", "gone")
            digest = (root / V2 / "repositories/guide/two/_manifests/tags/gone/current/link").read_text()
            run("skopeo", "delete", "--tls-verify=false", f"docker://127.0.0.1:{port}/guide/two@{digest}")
            push(port, "layout-two", "guide/two")
        report = verify(root, status=0)
        expect("verdict", ("clean", [], []), (report["verdict"], report["images"], report["findings"]))
        expect("counts", (2, 2, 6, 10, 16), tuple(report["counts"][key] for key in
                                                  ("repositories", "tags", "manifests", "layers", "contents")))
        config = work / "verify.yml"
        config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {root}}}}}\n")
        for called in (["--quick", f"--root={root}"], [config]):
            text = run(CAISSON, "registry", "verify", *called)
            expect("the text's end", "Nothing is damaged.", text.splitlines()[-1])
    return volumes["docker-registry"]


def one_case(healthy, source, case):
    what, damage, images, codes, alone = case
    try:
        volume = Volume(healthy)
        damage(volume)
        report = verify(volume.root, status=1)
        expect("images", images, images_in(report))
        expect("codes", codes, codes_in(report))
        if alone:
            verify(volume.root, "--repair", status=0)
        else:
            verify(volume.root, "--repair", status=1)
            verify(volume.root, "--repair", *source, status=0)
        expect("findings afterwards", [], verify(volume.root, status=0)["findings"])
        expect_pullable(volume.root)
    except AssertionError as failure:
        raise AssertionError(f"{what}: {failure}") from None


def cases(healthy, sources):
    with concurrent.futures.ThreadPoolExecutor(3) as team:
        turns = [team.submit(one_case, healthy, source, case) for case, source in zip(CASES, itertools.cycle(sources))]
        for turn, case in zip(turns, CASES):
            proves(f"{case[0]}: the report says so, and which image is hurt; it is mended")
            turn.result()


def passwords_and_redirects(healthy, basic, tokens):
    proves("a wrong password is refused with its reason; no password goes where a redirect leads")
    volume = Volume(healthy)
    volume.data(volume.layer()).unlink()
    wrong = dict(os.environ, CAISSON_FROM_PASSWORD="wrong")
    text = run(CAISSON, "registry", "verify", "--root", volume.root, "--repair", *basic, status=1, env=wrong)
    if "does not let this user in" not in text:
        raise AssertionError(text)
    stranger = [part for part in basic if part != "--from-ca" and part != work / "certs/ca.crt"]
    text = run(CAISSON, "registry", "verify", "--root", volume.root, "--repair", *stranger, status=1, env=wrong)
    if "certificate" not in text:
        raise AssertionError(text)
    expect("what the other host was told", [], Store.leaks)
    roles = {role for role, _, _ in Store.requests}
    expect("who was asked", {"tokens", "contents", "registry"}, roles)
    scopes = {query.partition("&")[0] for role, _, query in Store.requests if role == "tokens"}
    if not scopes <= {f"scope=repository%3a{name.replace('/', '%2f')}%3apull" for name in REPOSITORIES}:
        raise AssertionError(scopes)
    verify(volume.root, "--repair", *tokens, status=0)


def tag_with_history(healthy, source):
    proves("a tag that was several images is not guessed; another registry that has it tells which it is")
    volume = Volume(healthy)
    with served("docker-registry", volume.root) as port:
        push(port, "layout-two", "guide/one")
        push(port, "layout-one", "guide/one")
    truncate(volume.tag_link("guide/one"))
    expect("codes", ["tag-link-empty"], codes_in(verify(volume.root, "--repair", status=1)))
    expect("the tag's link", "", volume.tag_link("guide/one").read_text())
    verify(volume.root, "--repair", *source, status=0)
    expect_pullable(volume.root)


def killed_upload(healthy):
    proves("a registry killed in the middle of an upload leaves nothing that hurts; an old one of these is cleared away")
    volume = Volume(healthy)
    with served("docker-registry", volume.root, kill=True) as port, socket.create_connection(("127.0.0.1", port)) as wire:
        base = f"http://127.0.0.1:{port}"
        head = run("curl", "-sS", "-D-", "-X", "POST", f"{base}/v2/guide/one/blobs/uploads/")
        location = next(line.split(": ", 1)[1].strip() for line in head.splitlines() if line.lower().startswith("location:"))
        target = location.split(str(port), 1)[1]
        wire.sendall(f"PATCH {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n".encode() + os.urandom(3_000_000))
        upload = volume.v2 / "repositories/guide/one/_uploads" / target.split("/")[-1].split("?")[0]
        while (upload / "data").stat().st_size == 0:
            time.sleep(0.01)
    expect("findings", [], verify(volume.root, status=0)["findings"])
    (upload / "startedat").write_text("2020-01-01T00:00:00Z")
    expect("codes", ["upload-abandoned"], codes_in(verify(volume.root, status=0)))
    verify(volume.root, "--repair", status=0)
    expect("the upload", False, upload.exists())
    expect_pullable(volume.root)


def full_disk(healthy):
    proves("a push while the disk is full leaves empty files behind docker-registry; they are found and mended")
    disk = work / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk)
    try:
        run("cp", "-a", healthy, disk / "volume")
        volume = Volume(disk / "volume")
        manifest = volume.data(volume.index()).read_bytes()
        with served("docker-registry", disk / "volume") as port:
            run("dd", "if=/dev/zero", f"of={disk}/filler", "bs=4k", status=None)
            answer = run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "--data-binary", "@-", "-H",
                         "Content-Type: application/vnd.oci.image.index.v1+json",
                         f"http://127.0.0.1:{port}/v2/guide/one/manifests/v2", input=manifest.decode())
        expect("the push", "500", answer)
        (disk / "filler").unlink()
        volume = Volume(disk / "volume")
    finally:
        run("umount", disk)
    expect("findings at once, as somebody might be at it", ["history-link-empty"], codes_in(verify(volume.root, status=0)))
    os.utime(volume.tag_link("guide/one", "v2").parent.parent, (0, 0))
    report = verify(volume.root, status=1)
    expect("images", ["guide/one:v2"], images_in(report))
    expect("codes", ["history-link-empty", "tag-link-missing"], codes_in(report))
    verify(volume.root, "--repair", status=0)
    expect_pullable(volume.root, [("layout-one", "guide/one:v1"), ("layout-one", "guide/one:v2")])


def rights(healthy):
    proves("root looks with the eyes of the volume's owner: what he cannot read or write is found, and mended files are his")
    volume = Volume(healthy)
    run("chown", "-R", "www-data:", volume.root)
    for folder in (work, volume.root.parent):
        folder.chmod(0o755)
    expect("findings", [], verify(volume.root, status=0)["findings"])
    layer = volume.data(volume.layer())
    run("chown", "root:", layer)
    layer.chmod(0o600)
    report = verify(volume.root, status=1)
    expect("images", ["guide/one:v1"], images_in(report))
    expect("codes", ["content-unreadable", "folder-not-writable"], codes_in(report))
    verify(volume.root, "--user=root", status=0)
    run("chown", "www-data:", layer)
    truncate(volume.tag_link("guide/one"))
    verify(volume.root, "--repair", status=0)
    expect("the owner", "www-data", volume.tag_link("guide/one").owner())


def beside_a_server(healthy):
    proves("a volume is mended while caisson serves it, and the server serves what was mended at once")
    volume = Volume(healthy)
    with served("caisson", volume.root) as port:
        back = work / "beside"
        flip(volume.data(volume.layer()))
        verify(volume.root, "--repair", status=1)
        push(port, "layout-one", "guide/one")  # heals it, as what was damaged is out of the way
        expect("findings", [], verify(volume.root, status=0)["findings"])
        copy(f"docker://127.0.0.1:{port}/guide/one:v1", f"oci:{back}:multi")
    run("diff", "-r", work / "layout-one/blobs", back / "blobs")


def while_pushing(healthy):
    proves("what is pushed, moved and deleted while it looks is not taken for damage")
    volume = Volume(healthy)
    with served("caisson", volume.root) as port:
        stop = threading.Event()

        def change():
            while not stop.is_set():
                for layout in ("layout-two", "layout-one"):
                    push(port, layout, "guide/busy", "moving")
                digest = (volume.tag_link("guide/busy", "moving")).read_text()
                run("skopeo", "delete", "--tls-verify=false", f"docker://127.0.0.1:{port}/guide/busy@{digest}")

        with concurrent.futures.ThreadPoolExecutor(1) as team:
            busy = team.submit(change)
            try:
                for _ in range(25):
                    expect("findings", [], verify(volume.root, status=0)["findings"])
            finally:
                stop.set()
            busy.result()


def mistakes(healthy):
    proves("what cannot be done ends with 2 and says why")
    for options, why in [
            (["--root", work / "nowhere"], "No such file"), (["--root", work], "is no registry's volume"),
            (["--root", healthy, "--from", "http://u:secret@x"], "do not belong into the URL"),
            (["--root", healthy, "--rate", "fast"], "cannot read the size"), (["--nonsense"], "unknown option")]:
        text = run(CAISSON, "registry", "verify", *options, status=2)
        if why not in text or "secret" in text:
            raise AssertionError(text)


def main():
    htpasswd = work / "htpasswd"
    htpasswd.write_text(run(CAISSON, "htpasswd", "-nbBC", "5", USER, PASSWORD).strip() + "\n")
    (work / "password").write_text(PASSWORD + "\n")
    login = ("--from-user", USER, "--from-password-file", work / "password")
    healthy = clean_volumes()
    auth = f"auth: {{htpasswd: {{realm: r, path: {htpasswd}}}}}\n"
    run(HERE / "../../certs-example/make", work / "certs", "localhost")
    tls = f", tls: {{certificate: {work}/certs/domain.crt, key: {work}/certs/domain.key}}"
    with served("docker-registry", healthy) as free, served("docker-registry", healthy, auth, tls) as closed, \
            token_store(healthy) as store:
        source = ("--from", f"http://127.0.0.1:{free}")
        basic = ("--from", f"https://localhost:{closed}", "--from-ca", work / "certs/ca.crt", "--from-user", USER)
        tokens = ("--from", f"http://127.0.0.1:{store}", *login)
        cases(healthy, [source, (*basic, "--from-password-file", work / "password"), tokens])
        passwords_and_redirects(healthy, basic, tokens)
        tag_with_history(healthy, source)
    killed_upload(healthy)
    beside_a_server(healthy)
    while_pushing(healthy)
    mistakes(healthy)
    if os.geteuid() == 0:
        full_disk(healthy)
        rights(healthy)


try:
    main()
except AssertionError as failure:
    sys.exit(f"\nFAILED: {failure}")
finally:
    shutil.rmtree(work, ignore_errors=True)
