#!/usr/bin/env python3
"""Public threads about registries behind nginx, played again: the configuration at fault, what `caisson -t` says of it, and
what a client sees: behind nginx, behind caisson as it is, and behind both once the advice was followed.

In a network namespace, where the ports that the threads are about are free."""
import base64
import hashlib
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

if sys.argv[1:] != ["inside"]:
    os.execvp("unshare", ["unshare", "--net", sys.executable, os.path.abspath(__file__), "inside"])
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

NGINX = "/usr/sbin/nginx"
CAISSON = os.environ["CAISSON"]
NAME = "registry.company.org"
USER = "Authorization", "Basic " + base64.b64encode(b"sammy:secret").decode()
work = tempfile.mkdtemp()
os.chmod(work, 0o755)


def path(name):
    return os.path.join(work, name)


def write(name, text):
    with open(path(name), "w") as file:
        file.write(text)
    return path(name)


# ---------------------------------------------------------------- certificates

def openssl(*arguments, **more):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True, **more).stdout


def certificate(name, issuer=None, extensions="", days="90"):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path(name + ".key"))
    openssl("req", "-new", "-key", path(name + ".key"), "-subj", f"/CN={name}", "-out", path(name + ".csr"))
    signer = ["-CA", path(issuer + ".crt"), "-CAkey", path(issuer + ".key"), "-CAcreateserial"] if issuer else \
        ["-signkey", path(name + ".key")]
    write(name + ".ext", extensions)
    openssl("x509", "-req", "-in", path(name + ".csr"), *signer, "-days", days, "-extfile", path(name + ".ext"),
            "-out", path(name + ".crt"))


IS_CA = "basicConstraints=critical,CA:TRUE\n"
SAN = f"subjectAltName=DNS:{NAME}\n"
certificate("root", None, IS_CA)
certificate("intermediate", "root", IS_CA)
certificate("good", "root", SAN)
certificate(NAME, "root")  # a common name only
certificate("leaf", "intermediate", SAN + "authorityInfoAccess=caIssuers;URI:http://ca.company.org/i.crt\n")
write("chain.crt", open(path("leaf.crt")).read() + open(path("intermediate.crt")).read())

# ---------------------------------------------------------------- backends


class OwnPasswords(http.server.BaseHTTPRequestHandler):
    """A registry that knows no user of the proxy's: whoever brings a password is unknown to it."""

    def do_GET(self):
        self.send_response(401 if "Authorization" in self.headers else 200)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def start_backends():
    os.mkdir(path("data"))
    config = write("registry.yml", "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: "
                   + path("data") + "}}\nhttp: {addr: '127.0.0.1:5000', secret: tests}\n")
    registry = subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    own = http.server.ThreadingHTTPServer(("127.0.0.1", 5001), OwnPasswords)
    threading.Thread(target=own.serve_forever, daemon=True).start()
    wait_for(5000)
    return registry


def wait_for(port):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nobody listens on port {port}")


# ---------------------------------------------------------------- what clients do

class Client:
    """Docker's ways over one address: https, the authorities that it was given, and Locations followed to the letter."""

    def __init__(self, port):
        self.port = port
        self.host = NAME if port == 443 else f"{NAME}:{port}"

    def ask(self, method, target, body=None, headers=()):
        trust = ssl.create_default_context(cafile=path("root.crt"))
        trust.hostname_checks_common_name = False  # as Go has it
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as plain:
            with trust.wrap_socket(plain, server_hostname=NAME) as encrypted:
                connection = http.client.HTTPConnection(NAME)
                connection.sock = encrypted
                connection.request(method, target, body, {"Host": self.host, **dict(headers)})
                answer = connection.getresponse()
                answer.whole = answer.read()
                return answer

    def push(self, blob=bytes(2 << 20)):
        begun = self.ask("POST", "/v2/thread/blobs/uploads/", b"")
        if begun.status != 202:
            return f"POST {begun.status}"
        for method, body in (("PATCH", blob), ("PUT", b"")):
            place = begun.getheader("Location")
            if "://" in place:
                origin, rest = place.split("/v2/", 1)
                if origin != f"https://{self.host}":
                    return f"sent to {origin}"
                place = "/v2/" + rest
            if method == "PUT":
                place += "&digest=sha256:" + hashlib.sha256(blob).hexdigest()
            begun = self.ask(method, place, body)
            if begun.status not in (201, 202):
                return f"{method} {begun.status}"
        return "pushed"

    def login(self):
        """As docker: /v2/ says whether a password is wanted at all, and who accepts it."""
        first = self.ask("GET", "/v2/")
        if first.status == 200:
            return "any password is taken"
        if first.status == 401:
            return f"{self.ask('GET', '/v2/', headers=[USER]).status} with the password"
        return str(first.status)

    def version_headers(self, headers=()):
        answer = self.ask("GET", "/v2/", headers=headers)
        return f"{answer.status} with {len(answer.headers.get_all('Docker-Distribution-Api-Version') or [])} version headers"

    def size_known(self):
        blob = b"{}"
        config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(blob),
                  "digest": "sha256:" + hashlib.sha256(blob).hexdigest()}
        self.push(blob=blob)
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []}, indent=3)
        self.ask("PUT", "/v2/thread/manifests/latest", manifest.encode(), [("Content-Type", kind)])
        answer = self.ask("GET", "/v2/thread/manifests/latest", headers=[("Accept-Encoding", "gzip"), ("Accept", kind)])
        return f"{answer.status} {'with' if answer.getheader('Content-Length') else 'without'} Content-Length"

    def status(self):
        return str(self.ask("GET", "/v2/").status)


# ---------------------------------------------------------------- the configurations

HEADERS = "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;"
VERSION = "add_header Docker-Distribution-Api-Version $version always;"
PASSWORD = "auth_basic realm; auth_basic_user_file users;"


def location(lines, where="/v2/", to="registry"):
    return f"location {where} {{\nproxy_pass http://{to};\nproxy_read_timeout 900;\n{lines}\n}}"


def site(inner, listen="443 ssl", certificate_name="good", key="good", lines="client_max_body_size 0;"):
    return f"""upstream registry {{ server 127.0.0.1:5000; }}
map $upstream_http_docker_distribution_api_version $version {{ '' 'registry/2.0'; }}
server {{
listen {listen};
server_name {NAME};
ssl_certificate {path(certificate_name + '.crt')};
ssl_certificate_key {path(key + '.key')};
{lines}
{inner}
}}
"""


GOOD = site(location(HEADERS))
# threads, configuration at fault, part of the advice, what the client does (port, call), what it sees behind nginx and
# behind caisson, the configuration mended, what it sees then
THREADS = [
    ("goharbor/harbor#3270, ContainerSolutions/docker-registry-proxy#1, SteveLTN/https-portal#100",
     site(location(HEADERS), lines=""), "client_max_body_size is not set",
     443, Client.push, "PATCH 413", "PATCH 413", GOOD, "pushed"),
    ("distribution/distribution#970, goharbor/harbor#16724, moby/moby#17104",
     site(location("proxy_set_header Host $http_host;")), "not told that clients use https",
     443, Client.push, f"sent to http://{NAME}", "pushed", GOOD, "pushed"),
    ("docker-archive/docker-registry#545, moby/moby#15048",
     site(location(HEADERS.replace("$http_host", "$host")), "5043 ssl"), "$host has no port",
     5043, Client.push, f"sent to https://{NAME}", "pushed", site(location(HEADERS), "5043 ssl"), "pushed"),
    ("distribution/distribution#2572",
     site(location("proxy_set_header X-Forwarded-Proto $scheme;")), "not told the Host",
     443, Client.push, "sent to https://registry", "sent to https://registry", GOOD, "pushed"),
    ("distribution/distribution#397, distribution/distribution#460, moby/moby#16676",
     site(location(HEADERS + PASSWORD + VERSION.replace(" always", ""))), 'without "always"',
     443, Client.version_headers, "401 with 0 version headers", "401 with 1 version headers",
     site(location(HEADERS + PASSWORD + VERSION)), "401 with 1 version headers"),
    ("docker/docs#351, distribution/distribution#1971",
     site(location(HEADERS + VERSION.replace("$version", "registry/2.0"))), "twice",
     443, Client.version_headers, "200 with 2 version headers", "200 with 1 version headers",
     site(location(HEADERS + VERSION)), "200 with 1 version headers"),
    ("moby/moby#40290, distribution/distribution#1230, podman-container-tools/buildah#1227",
     site(location(HEADERS + "\nlimit_except GET HEAD { " + PASSWORD + " }")), "only some methods ask for a password",
     443, Client.login, "any password is taken", "any password is taken",
     site(location(HEADERS + PASSWORD + 'proxy_set_header Authorization "";')), "200 with the password"),
    ("mkuchin/docker-registry-web#107",
     site(location(HEADERS), "8443"), "port 8443 speaks plain HTTP",
     8443, Client.status, "SSLError", "SSLError", site(location(HEADERS), "8443 ssl"), "200"),
    ("distribution/distribution#3010, distribution/distribution#1167",
     site(location(HEADERS + PASSWORD, to="127.0.0.1:5001")), "the password checked here goes on to the registry",
     443, Client.login, "401 with the password", "401 with the password",
     site(location(HEADERS + PASSWORD + 'proxy_set_header Authorization "";', to="127.0.0.1:5001")),
     "200 with the password"),
    ("distribution/distribution#29, Joxit/docker-registry-ui#73",
     site(location(HEADERS, "/registry/", "127.0.0.1:5000/")), "at the root of the host",
     443, Client.status, "404", "404", GOOD, "200"),
    ("distribution/distribution#2475, cloudflare/cloudflared#500",
     site(location(HEADERS), lines="client_max_body_size 0; gzip on; gzip_proxied any; gzip_types *; "
          "gzip_min_length 1;"), "gzip is on over a registry",
     443, Client.size_known, "200 without Content-Length", "200 with Content-Length", GOOD, "200 with Content-Length"),
    ("goharbor/harbor#2394, Joxit/docker-registry-ui#153, bitwarden/server#3880",
     site(location(HEADERS, to="registry-of-nobody.invalid:5000")), "nobody knows the name",
     443, Client.status, "no start: host not found in upstream", "503", GOOD, "200"),
    ("moby/moby#10150, goharbor/harbor#6774, docker-archive/docker-registry#902",
     site(location(HEADERS), certificate_name="leaf", key="leaf"), "comes without the certificate of its issuer",
     443, Client.status, "SSLCertVerificationError", "SSLCertVerificationError",
     site(location(HEADERS), certificate_name="chain", key="leaf"), "200"),
    ("goharbor/harbor#16971, rancher/rke2#775, Azure/acr#700",
     site(location(HEADERS), certificate_name=NAME, key=NAME), "legacy Common Name",
     443, Client.status, "SSLCertVerificationError", "SSLCertVerificationError", GOOD, "200"),
]


class Gate:
    def __init__(self, program, configuration):
        self.program = program
        self.file = write("nginx.conf", f"user root; pid {path('pid')}; error_log {path('error.log')}; daemon off;\n"
                          f"events {{}}\nhttp {{ access_log off;\n{configuration}}}\n")
        self.process = None

    def test(self):
        return subprocess.run([self.program, "-t", "-p", work, "-c", self.file], capture_output=True, text=True).stderr

    def see(self, port, action):
        """What a client sees, in a few words."""
        if self.program == NGINX and "host not found in upstream" in self.test():
            return "no start: host not found in upstream"
        self.process = subprocess.Popen([self.program, "-p", work, "-c", self.file, "-e", path("error.log")],
                                        stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            return action(Client(port))
        except OSError as error:
            return type(error).__name__
        finally:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)


failures = 0


def expect(thread, what, expected, got):
    global failures
    if expected == got or (what == "advice" and expected in got):
        return
    failures += 1
    print(f"FAILED: {thread}\n  {what}: expected {expected!r}, got {got!r}")


write("users", "sammy:" + subprocess.run(["openssl", "passwd", "-apr1", "secret"], capture_output=True, text=True).stdout)
registry = start_backends()
try:
    for thread, wrong, advice, port, action, nginx_sees, caisson_sees, right, then in THREADS:
        print("-", thread, flush=True)
        expect(thread, "advice", advice, Gate(CAISSON, wrong).test())
        expect(thread, "nginx", nginx_sees, Gate(NGINX, wrong).see(port, action))
        expect(thread, "caisson", caisson_sees, Gate(CAISSON, wrong).see(port, action))
        said = Gate(CAISSON, right).test()
        expect(thread, "advice after it was followed", False, advice in said)
        for program in (NGINX, CAISSON):
            expect(thread, f"{os.path.basename(program)}, mended", then, Gate(program, right).see(port, action))
finally:
    registry.terminate()
    registry.wait()
    shutil.rmtree(work)
sys.exit(1 if failures else 0)
