#!/usr/bin/env python3
"""Token authentication. First the same requests to docker-registry (registry:2) and to `caisson registry serve` with the
same keys: status, body and headers must be the same, but for what is listed with its reason. Then the same check in
nginx's language before a registry elsewhere, keys that change while it runs, and skopeo with a token server. No token
may be in a log.

CAISSON names the program; it is to be called with no argument."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import tokens
from registry_face_test import (CAISSON, JSON_404, LOCATION, Comparison, Server, digest_of, free_port,
                                push)
from tokens import Key, access, claims, ec, token

ISSUER, SERVICE = "the issuer", 'the "service"'
NONE = "sha256:" + "0" * 64

LIST_OF_AUDIENCES = "aud may be a list (RFC 7519)"
PSS = "PS256 is as good"
FRACTION = "a time may have a fraction (RFC 7519)"
CLOSED_SOURCE = "a mount whose source is closed is an upload, not an error"
BROWSERS = "browsers ask by OPTIONS, without a token"
ASKED = "what is no name of a repository is asked for a token first, too"
REDIRECT = "who asks for /v2 is asked for a token first, too"


def good(rights=(), **changed):
    return claims(ISSUER, SERVICE, rights, **changed)


def bearer(text):
    return [("Authorization", "Bearer " + text)]


class Sorted(Comparison):
    """registry:2 says the actions of a scope in an order that changes by itself."""

    def __init__(self, theirs, ours):
        for server in (theirs, ours):
            server.ask = self.sorting(server.ask)
        super().__init__(theirs, ours)

    @staticmethod
    def sorting(ask):
        def asks(*arguments):
            answer = ask(*arguments)
            challenge = answer.headers.get("www-authenticate")
            if challenge:
                before, mark, rest = challenge[0].partition('scope="')
                scopes, quote, after = rest.partition('"')
                sort = [name + ":" + ",".join(sorted(actions.split(",")))
                        for name, _, actions in (scope.rpartition(":") for scope in scopes.split())]
                answer.headers["www-authenticate"] = [before + mark + " ".join(sorted(sort)) + quote + after]
            return answer
        return asks


def start_face(work, name, bundle, more=""):
    port = free_port()
    path, data = os.path.join(work, name + ".yml"), os.path.join(work, name + "-data")
    os.makedirs(data, exist_ok=True)
    with open(path, "w") as file:
        file.write(f"""version: 0.1
storage: {{filesystem: {{rootdirectory: {data}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}", headers: {{X-Content-Type-Options: [nosniff]}}}}
auth: {{token: {{realm: "https://auth.test/token?a=b", service: '{SERVICE}', issuer: {ISSUER}, rootcertbundle: {bundle}{more}}}}}
""")
    command = ["docker-registry"] if name == "registry" else [CAISSON, "registry"]
    return Server(name, command + ["serve", path], port, work)


def ask_without(same):
    same("GET", "/")
    same("GET", "/v2/")
    same("GET", "/v2", ours={"body": REDIRECT, "content-type": REDIRECT, "content-length": REDIRECT, "status": REDIRECT,
                             "location": REDIRECT, "www-authenticate": REDIRECT, "x-content-type-options": REDIRECT})
    for path in ("/v2/a/b/manifests/x", f"/v2/a/b/blobs/{NONE}", "/v2/a/b/tags/list", "/v2/_catalog"):
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            same(method, path)
    same("POST", "/v2/a/blobs/uploads/")
    same("PATCH", "/v2/a/blobs/uploads/0")
    same("POST", f"/v2/a/blobs/uploads/?mount={NONE}&from=b/c")
    same("POST", f"/v2/a/blobs/uploads/?mount={NONE}&from=a")
    same("GET", f"/v2/a/blobs/{NONE}?from=b/c")
    same("GET", "/v2/foo/bar", ours={"body": JSON_404, "content-type": JSON_404, "content-length": JSON_404})
    same("GET", "/v2/A/manifests/x", ours={"status": ASKED, "body": ASKED, "content-type": ASKED,
                                           "content-length": ASKED, "www-authenticate": ASKED})
    same("OPTIONS", "/v2/a/tags/list", ours={"status": BROWSERS, "body": BROWSERS, "content-type": BROWSERS,
                                             "content-length": BROWSERS, "www-authenticate": BROWSERS,
                                             "allow": BROWSERS})


def ask_with(same, root, leaf, curve, foreign):
    def differ(why):
        return {"status": why, "body": why, "www-authenticate": why, "content-length": why}

    for value in ("Basic Zm9vOmJhcg==", "Bearer", "Bearer a b", "Bearer  " + token(leaf, good()), "Bearer abc",
                  "Bearer a.b.c", "Token " + token(leaf, good())):
        same("PUT", "/v2/a/manifests/x", [("Authorization", value)])
    same("GET", "/v2/", [("Authorization", "bEARER " + token(leaf, good()))])

    now = int(time.time())
    for changed in ({"exp": now - 90}, {"exp": now - 30}, {"exp": None}, {"nbf": now + 90}, {"nbf": now + 30},
                    {"nbf": None}, {"iss": "x"}, {"iss": None}, {"aud": "x"}, {"aud": None}, {"sub": None},
                    {"access": None}, {"access": {}}, {"sub": 5}):
        same("GET", "/v2/", bearer(token(leaf, good(**changed))))
    same("GET", "/v2/", bearer(token(leaf, good(aud=["x", SERVICE]))), ours=differ(LIST_OF_AUDIENCES))
    same("GET", "/v2/", bearer(token(leaf, good(exp=now + 60.5))), ours=differ(FRACTION))

    for algorithm in ("RS256", "RS384", "RS512"):
        same("GET", "/v2/", bearer(token(leaf, good(), algorithm)))
    same("GET", "/v2/", bearer(token(leaf, good(), "PS256")), ours=differ(PSS))
    same("GET", "/v2/", bearer(token(curve, good(), "ES256")))
    for key, header in ((root, {"kid": root.kid()}), (leaf, {"kid": leaf.kid()}), (root, {"jwk": root.jwk()}),
                        (leaf, {"jwk": leaf.jwk()}), (leaf, {"jwk": leaf.jwk(x5c=[leaf.x5c()])}), (leaf, {}),
                        (leaf, {"x5c": [leaf.x5c()], "kid": "x"}), (foreign, None), (foreign, {"jwk": foreign.jwk()}),
                        (foreign, {"kid": root.kid()}), (foreign, {"x5c": [leaf.x5c()]}),
                        (foreign, {"jwk": {**foreign.jwk(), "kid": root.kid()}})):
        same("GET", "/v2/", bearer(token(key, good(), header=header)))
    same("GET", "/v2/", bearer(token(curve, good(), "ES256", {"kid": curve.kid()})))

    catalog = access("catalog", "*", kind="registry")
    for rights in ([], [access("a", "pull")], [access("a", "*")], [access("a", "push"), access("a", "pull")],
                   [access("b", "pull")], [access("a", "pull", kind="registry")], [access("a", "Pull")],
                   [catalog], [access("catalog", "pull", kind="registry")]):
        right = bearer(token(leaf, good(rights)))
        same("GET", "/v2/a/tags/list", right)
        same("GET", "/v2/_catalog", right)
        same("DELETE", f"/v2/a/manifests/{NONE}", right, ours={} if rights != [access("a", "*")] else
             {"body": "the error says what is unknown", "content-length": "the error says what is unknown"})
    mount = f"/v2/a/blobs/uploads/?mount={NONE}&from=b/c"
    same("POST", mount, bearer(token(leaf, good([access("a", "push")]))))
    for rights in ([access("a", "pull", "push")], [access("a", "pull", "push"), access("b/c", "push")]):
        same("POST", mount, bearer(token(leaf, good(rights))),
             ours={**differ(CLOSED_SOURCE), "content-type": CLOSED_SOURCE, "location": CLOSED_SOURCE,
                   "range": CLOSED_SOURCE, "docker-upload-uuid": CLOSED_SOURCE})
    both = [access("a", "pull", "push"), access("b/c", "pull")]
    same("POST", mount, bearer(token(leaf, good(both))), ours={"location": LOCATION})


def expect(what, condition):
    if not condition:
        sys.exit("FAILED: " + what)
    print("- " + what)


def gate_in_front(work, bundle, behind, more=""):
    port = free_port()
    path = os.path.join(work, "gate.conf")
    with open(path, "w") as file:
        file.write(f"""daemon off; pid {work}/gate.pid; error_log stderr info; worker_processes 1;
events {{}}
http {{
  log_format users "$remote_user $request_method $uri $status";
  access_log {work}/gate-access.log users;
  client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port};
    location /v2/ {{
      auth_token https://auth.test/token;
      auth_token_service '{SERVICE}';
      auth_token_issuer "{ISSUER}";
      auth_token_keys {bundle};
      auth_token_autoredirect on;
      proxy_pass http://127.0.0.1:{behind.port};
      proxy_set_header Host $http_host;
    }}
  }}
}}
""")
    return Server("gate", [CAISSON, "-c", path, "-p", work], port, work)


def before_another(work, keys, leaf, foreign):
    """nginx's language, before a docker-registry that asks nobody."""
    behind_data = os.path.join(work, "behind-data")
    os.mkdir(behind_data)
    port = free_port()
    path = os.path.join(work, "behind.yml")
    with open(path, "w") as file:
        file.write(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {behind_data}}}}}\n"
                   f"http: {{addr: '127.0.0.1:{port}', secret: s}}\n")
    behind = Server("behind", ["docker-registry", "serve", path], port, work)
    gate = None
    try:
        bundle = os.path.join(work, "changing.crt")
        shutil.copy(keys, bundle)
        gate = gate_in_front(work, bundle, behind)
        data = b"layer" * 100
        push(behind, "app", data)
        mine = bearer(token(leaf, good([access("app", "pull")])))
        blob = f"/v2/app/blobs/{digest_of(data)}"
        refused = gate.ask("GET", blob)
        expect("a gate before a registry elsewhere asks for a token, at the host that was asked",
               refused.status == 401 and refused.headers["www-authenticate"] ==
               ['Bearer realm="https://reg.test:5000/auth/token",service="the \\"service\\"",scope="repository:app:pull"'])
        expect("and says what is needed in JSON", json.loads(refused.body)["errors"][0]["detail"][0]["Name"] == "app")
        expect("with a good token the request goes through", gate.ask("GET", blob, mine).body == data)
        for method, target in (("PUT", "/v2/app/manifests/v1"), ("GET", "/v2/other/tags/list"), ("GET", "/v2/_catalog"),
                               ("DELETE", blob), ("MOVE", "/v2/app/manifests/v1"), ("POST", "/v2/app/blobs/uploads/"),
                               ("GET", "/v2/app/../other/tags/list"), ("GET", "/v2/%6fther/tags/list")):
            answer = gate.ask(method, target, mine)
            expect(f"but not {method} {target}", answer.status == 401 and
                   'error="insufficient_scope"' in answer.headers["www-authenticate"][0])
        expect("what is no path of the API is not asked for behind the gate",
               gate.ask("GET", "/v2/app/_something", mine).status == 404)
        with open(os.path.join(work, "gate-access.log")) as log:
            expect("the token's subject is in the access log", f"jane GET {blob} 200" in log.read())

        shutil.copy(foreign.certificate, bundle + ".new")
        os.rename(bundle + ".new", bundle)
        new = bearer(token(foreign, good([access("app", "pull")])))
        deadline = time.monotonic() + 30
        while gate.ask("GET", blob, new).status != 200:
            if time.monotonic() > deadline:
                sys.exit("FAILED: a new bundle is never in force")
            time.sleep(0.05)
        expect("keys that change are in force without a reload; tokens of the old ones are not, though remembered",
               gate.ask("GET", blob, mine).status == 401)
    finally:
        for server in (gate, behind):
            if server:
                server.stop()


def held_to_its_repositories(work, bundle, leaf):
    """A mount that names no source looks everywhere, but not for whoever may not look there."""
    open_port, port = free_port(), free_port()
    data, path = os.path.join(work, "inside-data"), os.path.join(work, "inside.conf")
    os.mkdir(data)
    if os.geteuid() == 0:
        shutil.chown(data, "nobody")
        os.chmod(work, 0o755)
    with open(path, "w") as file:
        file.write(f"""daemon off; pid {work}/inside.pid; error_log stderr info; user nobody nogroup;
events {{}}
http {{
  access_log off;
  upstream registry {{ registry {data}; registry_automatic_mount on; }}
  server {{ listen 127.0.0.1:{open_port}; location / {{ proxy_pass http://registry; }} }}
  server {{
    listen 127.0.0.1:{port};
    auth_token https://auth.test/token;
    auth_token_service '{SERVICE}';
    auth_token_issuer "{ISSUER}";
    auth_token_keys {bundle};
    location / {{ proxy_pass http://registry; }}
  }}
}}
""")
    server = Server("inside", [CAISSON, "-c", path, "-p", work], open_port, work)
    try:
        secret = push(server, "secret", b"nobody's business")
        mine = bearer(token(leaf, good([access("mine", "pull", "push")])))
        mount = f"/v2/mine/blobs/uploads/?mount={secret}"
        expect("a mount without a source finds the blob for who may see all", server.ask("POST", "/v2/x" + mount[8:]).status == 201)
        server.port = port
        expect("and not for a token that names other repositories", server.ask("POST", mount, mine).status == 202)
        expect("nor from a source that the token does not name",
               server.ask("POST", mount + "&from=secret", mine).status == 202)
        both = bearer(token(leaf, good([access("mine", "pull", "push"), access("secret", "pull")])))
        expect("but from one that it names", server.ask("POST", mount + "&from=secret", both).status == 201)
    finally:
        server.stop()


def skopeo_copies(work):
    """skopeo, from a folder into the registry and between repositories, with the rights that a token server gives."""
    folder = os.path.join(work, "skopeo")
    os.mkdir(folder)

    def rights(user, kind, name):
        if user == "jane":
            return set() if name.startswith("closed/") else {"pull", "push", "delete"}
        return {"pull"} if name.startswith("open/") else set()

    signer = Key(folder, "signer", ec("P-384"))
    server = tokens.TokenServer(signer, ISSUER, "skopeo's", {"jane": "secret"}, rights, "ES384")
    port = free_port()
    environment = {**os.environ, "REGISTRY_HTTP_ADDR": f"127.0.0.1:{port}",
                   "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": os.path.join(folder, "data"), "REGISTRY_AUTH": "token",
                   "REGISTRY_AUTH_TOKEN_REALM": server.url, "REGISTRY_AUTH_TOKEN_SERVICE": "skopeo's",
                   "REGISTRY_AUTH_TOKEN_ISSUER": ISSUER, "REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE": signer.certificate}
    os.environ.update(environment)
    ours = Server("skopeo-registry", [CAISSON, "registry", "serve"], port, work)
    registry = f"docker://127.0.0.1:{port}"
    layout = os.path.join(folder, "layout")
    os.chmod(work, 0o755)
    subprocess.run([os.path.join(os.path.dirname(__file__), "make_oci_layout.py"), layout, "1"], check=True,
                   capture_output=True)

    def skopeo(*arguments):
        return subprocess.run(["skopeo", "--insecure-policy", "--tmpdir", folder, *arguments], capture_output=True,
                              text=True, env={**os.environ, "HOME": folder, "XDG_RUNTIME_DIR": folder})

    def copy(source, to, user="jane:secret"):
        creds = []
        for side, place in (("src", source), ("dest", to)):
            if place.startswith("docker:"):
                creds += [f"--{side}-tls-verify=false"] + ([f"--{side}-creds", user] if user else [])
        return skopeo("copy", "--all", *creds, source, to)

    try:
        image = f"oci:{layout}:multi"
        expect("skopeo copies into the registry with a token", copy(image, f"{registry}/open/app:v1").returncode == 0)
        expect("it may not with a wrong password", copy(image, f"{registry}/open/app:v2", "jane:wrong").returncode != 0)
        denied = copy(image, f"{registry}/closed/app:v1")
        expect("nor where it has no right", denied.returncode != 0 and "denied" in denied.stderr)
        server.asked.clear()
        done = copy(f"{registry}/open/app:v1", f"{registry}/team/copy:v1")
        expect("it copies from one repository into another", done.returncode == 0)
        expect("whoever has no name may pull what is open", copy(f"{registry}/open/app:v1", f"dir:{folder}/out", "")
               .returncode == 0)
        expect("and nothing else", copy(f"{registry}/team/copy:v1", f"dir:{folder}/out2", "").returncode != 0)
    finally:
        ours.stop()


def main():
    work = tempfile.mkdtemp(prefix="caisson-tokens-")
    servers = []
    try:
        root = Key(work, "root")
        leaf = Key(work, "leaf", issuer=root)
        curve = Key(work, "curve", ec("P-256"))
        foreign = Key(work, "foreign")
        bundle = os.path.join(work, "bundle.crt")
        with open(bundle, "w") as file:
            file.write(open(root.certificate).read() + open(curve.certificate).read())
        theirs, ours = start_face(work, "registry", bundle), start_face(work, "caisson", bundle)
        servers += [theirs, ours]
        compare = Sorted(theirs, ours)
        ask_without(compare.same)
        ask_with(compare.same, root, leaf, curve, foreign)
        for server in servers:
            server.stop()
        theirs = start_face(work, "registry", bundle, ", autoredirect: true")
        ours = start_face(work, "caisson", bundle, ", autoredirect: true")
        servers += [theirs, ours]
        redirected = Sorted(theirs, ours)
        redirected.same("GET", "/v2/a/tags/list")
        for server in (theirs, ours):
            server.stop()
        for failure in compare.failures + redirected.failures:
            print(failure)
        print(f"{compare.compared + redirected.compared} requests to both")
        if compare.failures or redirected.failures:
            return 1
        before_another(work, bundle, leaf, foreign)
        held_to_its_repositories(work, bundle, leaf)
        skopeo_copies(work)
        for name in os.listdir(work):
            if name.endswith(".log") and not name.startswith(("registry", "behind")):
                expect(f"no token is in {name}", "eyJ" not in open(os.path.join(work, name), errors="replace").read())
        return 0
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait()
        shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
