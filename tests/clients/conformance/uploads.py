"""Every way to bring a blob into a repository. Each looks at all answers on the way, and at what is at the Location."""
from client import Registry, digest_of

OCTETS = ("Content-Type", "application/octet-stream")


def begin(registry: Registry, repository: str, **query) -> str:
    pairs = [(name.replace("_", "-"), value) for name, value in query.items()]
    return registry.call("POST", f"/v2/{repository}/blobs/uploads/", query=pairs).wants(202).location


def check_created(registry: Registry, answer, content: bytes, digest: str) -> None:
    answer.wants(201).has("Docker-Content-Digest", digest)
    registry.call("GET", answer.location).wants(200).holds(content)


def finish(registry: Registry, location: str, content: bytes, digest: str, rest: bytes = b"", headers=()) -> None:
    """`digest` may be a wrong one: then the registry has to find out."""
    answer = registry.call("PUT", location, rest, [OCTETS, *headers], [("digest", digest)])
    if digest != digest_of(content, digest.partition(":")[0]):
        answer.wants(400).tells_why()
    else:
        check_created(registry, answer, content, digest)


def in_post(registry: Registry, repository: str, content: bytes, digest: str) -> None:
    answer = registry.call("POST", f"/v2/{repository}/blobs/uploads/", content, [OCTETS], [("digest", digest)])
    if answer.status == 202:  # allowed, when nothing came: a client that only announced its digest
        finish(registry, answer.location, content, digest, content)
    elif digest != digest_of(content, digest.partition(":")[0]):
        answer.wants(400).tells_why()
    else:
        check_created(registry, answer, content, digest)


def in_put(registry: Registry, repository: str, content: bytes, digest: str) -> None:
    finish(registry, begin(registry, repository), content, digest, content)


def streamed(registry: Registry, repository: str, content: bytes, digest: str) -> None:
    answer = registry.call("PATCH", begin(registry, repository), content, [OCTETS]).wants(202)
    finish(registry, answer.location, content, digest)


def chunked(registry: Registry, repository: str, content: bytes, digest: str, last_in_put: bool = False,
            out_of_order: bool = False) -> None:
    location = begin(registry, repository)
    size = max(len(content) // 3 + 1, 1024)
    chunks = [(at, min(at + size, len(content))) for at in range(0, len(content), size)]
    for start, end in chunks:
        if out_of_order:
            location = send_misplaced_chunk(registry, location, content, start, size)
        headers = [OCTETS, ("Content-Range", f"{start}-{end - 1}")]
        if last_in_put and end == len(content):
            return finish(registry, location, content, digest, content[start:end], headers[1:])
        answer = registry.call("PATCH", location, content[start:end], headers).wants(202)
        location = answer.has("Range", f"0-{end - 1}").location
    finish(registry, location, content, digest)


def send_misplaced_chunk(registry: Registry, location: str, content: bytes, received: int, size: int) -> str:
    """One that leaves a gap, or one that came already. Returns where to go on."""
    start = received + size if received + size < len(content) else 0 if received else 1
    chunk = content[start:start + size]
    if not chunk:
        return location
    registry.call("PATCH", location, chunk,
                  [OCTETS, ("Content-Range", f"{start}-{start + len(chunk) - 1}")]).wants(416)
    state = registry.call("GET", location).wants(204)
    if received:
        state.has("Range", f"0-{received - 1}")
    return state.location


def in_chunks_last_in_put(*arguments) -> None:
    chunked(*arguments, last_in_put=True)


def out_of_order(*arguments) -> None:
    chunked(*arguments, out_of_order=True)


def out_of_order_last_in_put(*arguments) -> None:
    chunked(*arguments, last_in_put=True, out_of_order=True)


WAYS = {"one POST": in_post, "POST and PUT": in_put, "streamed": streamed, "in chunks": chunked,
        "in chunks, the last in the PUT": in_chunks_last_in_put, "with chunks out of order": out_of_order,
        "with chunks out of order, the last in the PUT": out_of_order_last_in_put}


def mount(registry: Registry, repository: str, digest: str, source: str | None):
    query = [("mount", digest)] + ([("from", source)] if source else [])
    return registry.call("POST", f"/v2/{repository}/blobs/uploads/", query=query)


def check_mounted(registry: Registry, repository: str, digest: str, source: str | None, content: bytes) -> None:
    check_created(registry, mount(registry, repository, digest, source), content, digest)


def check_not_mounted(registry: Registry, repository: str, digest: str, source: str | None, content: bytes) -> None:
    """Then it is an upload like any other."""
    answer = mount(registry, repository, digest, source).wants(202)
    finish(registry, answer.location, content, digest, content)
