"""What a registry's token server needs: keys, certificates and signed tokens, made by the openssl program alone; and a
small token server: https://distribution.github.io/distribution/spec/auth/token/

As a program: tokens.py FOLDER HOST USER PASSWORD   makes FOLDER/signer.crt and serves; FOLDER/url says where. USER may
do everything but in repositories below "closed/"; nobody else may do more than pull from those below "open/"."""

import base64
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse

RSA = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]


def ec(curve):
    return ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + curve]


def openssl(*arguments, data=b""):
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError("openssl " + " ".join(arguments) + ":\n" + done.stderr.decode())
    return done.stdout


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def json_bytes(value):
    return json.dumps(value).encode()


class Key:
    """A private key in a file, with a certificate: its own, or one that `issuer` signed."""

    def __init__(self, folder, name, kind=None, issuer=None, authority=False, days=30):
        self.name, self.path = name, os.path.join(folder, name + ".key")
        self.certificate = os.path.join(folder, name + ".crt")
        openssl("genpkey", "-out", self.path, *(kind or RSA))
        request = ["req", "-x509" if issuer is None else "-new", "-key", self.path, "-subj", "/CN=" + name]
        if issuer is None:
            openssl(*request, "-days", str(days), "-out", self.certificate)
        else:
            asked = openssl(*request)
            extensions = os.path.join(folder, name + ".ext")
            with open(extensions, "w") as file:
                file.write(f"basicConstraints=critical,CA:{'TRUE' if authority else 'FALSE'}\n")
            openssl("x509", "-req", "-CA", issuer.certificate, "-CAkey", issuer.path, "-CAcreateserial", "-days",
                    str(days), "-extfile", extensions, "-out", self.certificate, data=asked)

    def public_der(self):
        return openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")

    def public_pem(self):
        return openssl("pkey", "-in", self.path, "-pubout")

    def kid(self):
        """The fingerprint that docker's libtrust gives a key."""
        digest = hashlib.sha256(self.public_der()).digest()[:30]
        text = base64.b32encode(digest).decode().rstrip("=")
        return ":".join(text[i:i + 4] for i in range(0, len(text), 4))

    def x5c(self):
        return base64.b64encode(openssl("x509", "-in", self.certificate, "-outform", "DER")).decode()

    def jwk(self, **more):
        der = self.public_der()
        text = openssl("pkey", "-pubin", "-inform", "DER", "-noout", "-text", data=der).decode()
        if "Modulus:" in text:
            modulus = openssl("rsa", "-pubin", "-inform", "DER", "-noout", "-modulus", data=der).decode().strip()
            number = bytes.fromhex(modulus.partition("=")[2])
            return {"kty": "RSA", "n": b64url(number), "e": "AQAB", "kid": self.kid(), **more}
        size, curve = {"256": (32, "P-256"), "384": (48, "P-384"), "521": (66, "P-521")}[
            text.partition("(")[2].partition(" bit")[0]]
        return {"kty": "EC", "crv": curve, "x": b64url(der[-2 * size:-size]), "y": b64url(der[-size:]),
                "kid": self.kid(), **more}

    def sign(self, algorithm, data):
        bits = algorithm[2:]
        options = ["dgst", "-sha" + bits, "-sign", self.path]
        if algorithm.startswith("PS"):
            options += ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
        signature = openssl(*options, data=data)
        return raw_ecdsa(signature, {"256": 32, "384": 48, "512": 66}[bits]) if algorithm.startswith("ES") else signature


def raw_ecdsa(der, size):
    """r and s of an ECDSA signature, each `size` bytes, as RFC 7518 section 3.4 wants them."""
    at = 3 if der[1] & 0x80 else 2
    raw = b""
    for _ in range(2):
        length = der[at + 1]
        raw += der[at + 2:at + 2 + length].lstrip(b"\0").rjust(size, b"\0")
        at += 2 + length
    return raw


def token(key, claims, algorithm="RS256", header=None):
    """A signed token; `header` beside "typ" and "alg", by default the key's x5c."""
    head = {"typ": "JWT", "alg": algorithm, **({"x5c": [key.x5c()]} if header is None else header)}
    signed = b64url(json_bytes(head)) + "." + b64url(json_bytes(claims))
    return signed + "." + b64url(key.sign(algorithm, signed.encode()))


def claims(issuer, service, rights=(), **changed):
    now = int(time.time())
    usual = {"iss": issuer, "sub": "jane", "aud": service, "exp": now + 300, "nbf": now - 10, "iat": now, "jti": "1",
             "access": list(rights)}
    usual.update(changed)
    return {name: value for name, value in usual.items() if value is not None}


def access(name, *actions, kind="repository"):
    return {"type": kind, "name": name, "actions": list(actions)}


class TokenServer:
    """Gives tokens to those whose password is right. `rights(user, type, name)` are the actions that a user has."""

    def __init__(self, key, issuer, service, users, rights, algorithm="RS256", host="127.0.0.1"):
        self.asked = []  # the scopes of each request
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, form):
                user, password = form.get("username", [""])[0], form.get("password", [""])[0]
                basic = self.headers.get("Authorization", "")
                if basic.startswith("Basic "):
                    user, _, password = base64.b64decode(basic[6:]).decode().partition(":")
                if user and users.get(user) != password:
                    return self.send(401, {"details": "wrong password"})
                scopes = " ".join(form.get("scope", [])).split()
                outer.asked.append(scopes)
                granted = []
                for scope in scopes:
                    kind, _, rest = scope.partition(":")
                    name, _, actions = rest.rpartition(":")
                    may = [action for action in actions.split(",") if action in rights(user, kind, name)]
                    granted.append(access(name, *may, kind=kind))
                made = token(key, claims(issuer, service, granted, sub=user), algorithm)
                self.send(200, {"token": made, "access_token": made, "expires_in": 300})

            def send(self, status, value):
                body = json_bytes(value)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.answer(urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query))

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.answer(urllib.parse.parse_qs(body.decode()))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("" if host != "127.0.0.1" else host, 0), Handler)
        self.url = f"http://{host}:{self.server.server_address[1]}/token"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


def main():
    folder, host, user, password = sys.argv[1:]

    def rights(who, _, name):
        if who == user and not name.startswith("closed/"):
            return {"pull", "push", "delete", "*"}
        return {"pull"} if name.startswith("open/") else set()

    server = TokenServer(Key(folder, "signer"), "the issuer", "the service", {user: password}, rights, "RS256", host)
    with open(os.path.join(folder, "url.new"), "w") as file:
        file.write(server.url)
    os.rename(os.path.join(folder, "url.new"), os.path.join(folder, "url"))
    server.thread.join()


if __name__ == "__main__":
    main()
