"""A registry's folder, filled by hand: much faster than by pushes."""
import hashlib
import os
import pathlib

IMAGE = "application/vnd.oci.image.manifest.v1+json"


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Volume:
    """The folder, in registry:2's layout."""

    def __init__(self, top: pathlib.Path):
        self.root = top / "docker/registry/v2"

    def write(self, path: str, content: bytes) -> None:
        place = f"{self.root}/{path}"
        try:
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT, 0o666)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT, 0o666)
        os.write(descriptor, content)
        os.close(descriptor)

    def blob(self, content: bytes) -> str:
        digest = digest_of(content)
        self.write(f"blobs/sha256/{digest[7:9]}/{digest[7:]}/data", content)
        return digest

    def layer(self, repository: str, digest: str) -> None:
        self.write(f"repositories/{repository}/_layers/sha256/{digest[7:]}/link", digest.encode())

    def manifest(self, repository: str, content: bytes) -> str:
        digest = self.blob(content)
        self.write(f"repositories/{repository}/_manifests/revisions/sha256/{digest[7:]}/link", digest.encode())
        return digest

    def tag(self, repository: str, name: str, digest: str) -> None:
        tag = f"repositories/{repository}/_manifests/tags/{name}"
        self.write(f"{tag}/index/sha256/{digest[7:]}/link", digest.encode())
        self.write(f"{tag}/current/link", digest.encode())
