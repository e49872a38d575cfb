#!/usr/bin/env python3
"""A registry on a large folder: caisson with the registry inside, and Debian's docker-registry, on the same one.

The folder has 20,000 repositories, 200,000 blobs, repositories with 20,000 tags on one manifest, and one with 20,000
manifests, of which some are about one subject. Shown are the milliseconds that a client waits for an answer, on one
connection: the first time, and the median and the longest of the times after it; how long a start takes; and the most
memory that a program took.

usage: large_volume.py --gate PROGRAM [--folder FOLDER] [--share N] [--times N]

--folder names a place for the files (about 5 GB and a million inodes of a file system with 4 KiB blocks), --share a
part of all these numbers, such as 0.1.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import tempfile
import time

from servers import Server, start_caisson, start_docker_registry
from volume import IMAGE, Volume, digest_of

EMPTY = "application/vnd.oci.empty.v1+json"


def image(config: str, number: int, subject: str | None = None) -> bytes:
    document = {"schemaVersion": 2, "mediaType": IMAGE, "layers": [], "annotations": {"number": str(number)},
                "config": {"mediaType": EMPTY, "digest": config, "size": 2}}
    if subject:
        document["subject"] = {"mediaType": IMAGE, "digest": subject, "size": 2}
    return json.dumps(document).encode()


SUBJECT = digest_of(b"the subject")


def tagged_repository(volume: Volume, name: str, tags: int, config: str) -> str:
    volume.layer(name, config)
    digest = volume.manifest(name, image(config, 0))
    for number in range(tags):
        volume.tag(name, f"v{number:05}", digest)
    return digest


def fill(volume: Volume, share: float) -> None:
    many = int(20_000 * share)
    config = volume.blob(b"{}")
    for number in range(many // 2):
        volume.layer(f"app-{number:05}", config)
        volume.layer(f"team{number // 100:03}/app{number % 100:02}", config)
    for name in ("many/tags", "many/tags-caisson", "many/tags-docker-registry"):
        tagged_repository(volume, name, many, config)
    volume.layer("many/manifests", config)
    for number in range(many):
        volume.manifest("many/manifests", image(config, number, SUBJECT if number % 1000 == 0 else None))
    for number in range(9 * many):
        volume.blob(str(number).encode())


def questions(share: float) -> list[tuple[str, str, str]]:
    many = int(20_000 * share)
    middle, last = f"v{many // 2:05}", f"v{many - 101:05}"
    tags = "/v2/many/tags/tags/list"
    return [
        ("tags, the first 100", "GET", f"{tags}?n=100"),
        ("tags, 100 from the middle", "GET", f"{tags}?n=100&last={middle}"),
        ("tags, the last 100", "GET", f"{tags}?n=100&last={last}"),
        ("tags, 1000 from the middle", "GET", f"{tags}?n=1000&last={middle}"),
        ("tags, all of them", "GET", tags),
        ("catalog, the first 100", "GET", "/v2/_catalog?n=100"),
        ("catalog, 100 from the middle", "GET", "/v2/_catalog?n=100&last=many/tags"),
        ("catalog, the last 100", "GET", f"/v2/_catalog?n=100&last=team{many // 200 - 2:03}/app98"),
        ("catalog, 1000 from the middle", "GET", "/v2/_catalog?n=1000&last=many/tags"),
        ("HEAD of a manifest by tag", "HEAD", f"/v2/many/tags/manifests/{middle}"),
        ("referrers among as many manifests", "GET", f"/v2/many/manifests/referrers/{SUBJECT}"),
    ]


def measure(server: Server, share: float, times: int, delete: str) -> dict[str, str]:
    figures = {"start": f"{server.milliseconds_to_start:.0f}"}
    for name, method, path in questions(share):
        first, _ = server.ask(method, path, 200)
        if first is None:
            figures[name] = "has none"
            continue
        time.sleep(2.1)  # a folder that was just written to is trusted a little later
        server.ask(method, path, 200)
        again = [server.ask(method, path, 200)[0] for _ in range(times)]
        figures[name] = f"{first:.1f} / {statistics.median(again):.1f} / {max(again):.1f}"
    taken, _ = server.ask("DELETE", f"/v2/many/tags-{server.name}/manifests/{delete}", 202)
    figures["deleting a manifest with as many tags"] = f"{taken:.0f}"
    taken, body = server.ask("GET", f"/v2/many/tags-{server.name}/tags/list", 200)
    if json.loads(body)["tags"]:
        raise SystemExit(f"{server.name}: tags outlast their manifest")
    figures["the most memory, in MiB"] = str(server.most_memory())
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gate", required=True, help="caisson's program")
    parser.add_argument("--folder", help="where the files go; they stay, and are used again the next time")
    parser.add_argument("--share", type=float, default=1)
    parser.add_argument("--times", type=int, default=20, help="that each question is asked")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        data = pathlib.Path(options.folder or top / "data").absolute()
        volume = Volume(data)
        config = digest_of(b"{}")
        if not volume.root.exists():
            begin = time.monotonic()
            fill(volume, options.share)
            os.sync()
            print(f"filled in {time.monotonic() - begin:.0f} s", flush=True)
        columns = []
        programs = [lambda: start_caisson(options.gate, top, data)]
        if shutil.which("docker-registry"):
            programs.append(lambda: start_docker_registry(top, data))
        for start in programs:
            server = start()
            try:
                delete = tagged_repository(volume, f"many/tags-{server.name}", int(20_000 * options.share), config)
                os.sync()
                columns.append((server.name, measure(server, options.share, options.times, delete)))
            finally:
                server.stop()
        print(f"{'milliseconds: first / median / longest':40}" + "".join(f"{name:>26}" for name, _ in columns))
        for name in columns[0][1]:
            print(f"{name:40}" + "".join(f"{figures[name]:>26}" for _, figures in columns))


if __name__ == "__main__":
    main()
