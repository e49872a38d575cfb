#!/usr/bin/env python3
"""Every option of nginx's command line, given to nginx itself and to caisson under nginx's name: the same standard output,
standard error, exit status and files, but for what is named here with its reason."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

NGINX = "/usr/sbin/nginx"
CAISSON = os.environ["CAISSON"]

GOOD = "pid run.pid;\nevents {}\nhttp { access_log off; server { listen unix:{work}/socket; } }\n"
FILES = {
    "good.conf": GOOD,
    "unknown.conf": "events {}\nfoo;\n",
    "no_events.conf": "http {}\n",
    "empty.conf": "",
    "only_events.conf": "events {}\n",
    "open_block.conf": "events {}\nhttp {\n",
    "open_quote.conf": "events {}\nhttp { server_tokens \"on; }\n",
    "no_semicolon.conf": "events {}\nhttp { server_tokens on }\n",
    "brace.conf": "events {}\n}\n",
    "semicolon.conf": "events {}\nhttp { server { location / { return 200; }; } }\n",
    "duplicate.conf": "events {}\nworker_processes 1;\nworker_processes 2;\n",
    "arguments.conf": "events {}\nhttp { server { listen; } }\n",
    "place.conf": "events {}\nlisten 80;\n",
    "flag.conf": "daemon sometimes;\nevents {}\n",
    "level.conf": "error_log stderr loud;\nevents {}\n",
    "user.conf": "user no-such-user;\nevents {}\n",
    "include.conf": "events {}\ninclude nothere.conf;\n",
    "include_none.conf": "events {}\ninclude nothere*.conf;\n",
    "included.conf": "events {}\ninclude part.conf;\n",
    "part.conf": "worker_processes 2;\n",
    "own_log.conf": "error_log own.log;\npid run.pid;\nevents {}\n",
    "word_pid.conf": "pid word.pid;\nevents {}\n",
    "word.pid": "abc\n",
    "stale_pid.conf": "pid stale.pid;\nevents {}\n",
    "stale.pid": "999999999\n",
    "empty_pid.conf": "pid empty.pid;\nevents {}\n",
    "empty.pid": "",
    "pid_folder.conf": "pid no/such/folder/pid;\nevents {}\n",
}

def on(file, *more):
    # A log of its own: Debian builds nginx so that its log is standard error, and there it has another form.
    return ["-p", "{work}/", "-c", file, *(() if "-e" in more else ("-e", "e.log")), *more]

# Each with what differs on purpose: a function that makes nginx's standard error the one that is expected.
def same(error):
    return error

def hint(text):  # which nginx does not give
    return lambda error: re.sub(r"(?m)(\[emerg\] .*)$", lambda line: line[0] + text, error, count=1)

def without_ok(error):  # the verdict on the syntax comes after all errors, not between them
    return re.sub(r"^nginx: the configuration file .* syntax is ok\n", "", error)

CASES = [
    (["-x"], same), (["-tx"], same), (["--help"], same), (["--version"], same), (["start"], same), (["-t", "foo"], same),
    (["-s"], same), (["-s", "restart"], same), (["-srestart"], same), (["-s", ""], same), (["-c"], same), (["-p"], same),
    (["-g"], same), (["-e"], same), (["-v"], same), (on("good.conf", "-tv"), same), (on("good.conf", "-th"), same), (["-h"], same), (["-?"], same), (["-hq"], same),
    (on("good.conf", "-t"), same), (on("good.conf", "-tq"), same), (on("good.conf", "-T"), same),
    (on("good.conf", "-Tq"), same), (on("good.conf", "-tt"), same), (on("good.conf", "-t", "-"), same),
    (on("good.conf", "-t", "-s", "stop"), same), (on("included.conf", "-T"), same), (on("only_events.conf", "-t"), same),
    (["-p{work}", "-cgood.conf", "-ee.log", "-t"], same), (["-p", "{work}", "-e", "e.log", "-tc", "good.conf"], same),
    (on("good.conf", "-t", "-e", "stderr"), same), (on("good.conf", "-t", "-e", ""), same),
    (on("good.conf", "-t", "-e", "other.log"), same),
    (on("unknown.conf", "-t", "-e", "stderr"), same), (on("own_log.conf", "-t", "-e", "no/such/folder/log"), same),
    (on("unknown.conf", "-t"), same), (on("unknown.conf", "-tq"), same), (on("unknown.conf", "-T"), same),
    (on("unknown.conf"), same), (on("nothere.conf", "-t"), same), (on("nothere.conf"), same),
    (on("empty.conf", "-t"), without_ok), (on("no_events.conf", "-t"), without_ok), (on("no_events.conf"), same),
    (on("open_block.conf", "-t"), hint(' ("http" of line 2 is still open)')),
    (on("open_quote.conf", "-t"), hint(' (the " in line 2 is never closed)')),
    (on("no_semicolon.conf", "-t"), hint(' (is a ";" missing before it?)')),
    (on("brace.conf", "-t"), same), (on("semicolon.conf", "-t"), same), (on("duplicate.conf", "-t"), same),
    (on("arguments.conf", "-t"), same), (on("place.conf", "-t"), same), (on("flag.conf", "-t"), same),
    (on("level.conf", "-t"), same), (on("user.conf", "-t"), same), (on("include.conf", "-t"), same),
    (on("include_none.conf", "-t"), same), (on("pid_folder.conf", "-t"), same),
    (on("good.conf", "-t", "-g", "foo;"), same), (on("good.conf", "-t", "-g", "daemon off"), same),
    (on("good.conf", "-t", "-g", "daemon off;"), same), (on("good.conf", "-t", "-g", ""), same),
    (on("good.conf", "-t", "-g", "daemon off; daemon on;"), same), (on("good.conf", "-t", "-g", "pid x;"), same),
    (on("good.conf", "-s", "reload"), same), (on("good.conf", "-s", "stop"), same), (on("good.conf", "-s", "quit"), same),
    (on("good.conf", "-s", "reopen"), same), (on("good.conf", "-s", "stop", "-e", "stderr"), same),
    (on("word_pid.conf", "-s", "reload"), same), (on("stale_pid.conf", "-s", "stop"), same),
    (on("empty_pid.conf", "-s", "quit"), same), (on("unknown.conf", "-s", "reload"), same),
    (on("nothere.conf", "-s", "stop"), same),
    # A broken configuration keeps nobody from stopping the server: caisson goes on to the pid file.
    (on("unknown.conf", "-g", "pid none.pid;", "-s", "stop"),
     lambda error: ("DATE [notice] PID: signal process started\nDATE [error] PID: " if "DATE" in error else
                    "nginx: [error] ") + 'open() "{work}/none.pid" failed (2: No such file or directory)\n'),
]

def plain(text, work):
    text = text.replace(work, "{work}")
    text = re.sub(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(\w+)\] \d+#\d+: ", r"DATE [\1] PID: ", text)
    return re.sub(r"^nginx version: nginx/.*$", "nginx version: nginx/VERSION", text, flags=re.M)

def run(program, arguments):
    work = tempfile.mkdtemp()
    try:
        os.chmod(work, 0o755)
        os.mkdir(work + "/bin")
        shutil.copy(program, work + "/bin/nginx")
        for name, text in FILES.items():
            with open(f"{work}/{name}", "w") as file:
                file.write(text.replace("{work}", work))
        before = set(os.listdir(work))
        done = subprocess.run([work + "/bin/nginx"] + [one.replace("{work}", work) for one in arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=work)
        made = {}
        for name in set(os.listdir(work)) - before:
            if not os.path.isdir(f"{work}/{name}"):
                with open(f"{work}/{name}") as file:
                    made[name] = plain(file.read(), work)
        return done.returncode, plain(done.stdout, work), plain(done.stderr, work), made
    finally:
        shutil.rmtree(work)

different = 0
for arguments, on_purpose in CASES:
    status, output, error, made = run(NGINX, arguments)
    made.pop("run.pid", None)  # an empty one, which nginx's -t leaves behind
    expected = (status, output, on_purpose(error), {name: on_purpose(text) for name, text in made.items()})
    got = run(CAISSON, arguments)
    if "[advice]" in got[2]:
        got = (got[0], got[1], re.sub(r"(?m)^nginx: \[advice\].*\n", "", got[2]), got[3])
    if got == expected:
        continue
    different += 1
    print("FAILED: nginx", " ".join(arguments))
    for what, one, other in zip(("exit status", "standard output", "standard error", "files"), expected, got):
        if one != other:
            print(f"  {what}\n    expected {one!r}\n    got      {other!r}")
print(f"{len(CASES)} calls, {different} differ")
sys.exit(1 if different else 0)
