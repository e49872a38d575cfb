"""Whether a registry keeps the OCI distribution specification: 1.1, and what of 1.2 caisson claims.

usage: conformance URL [--automatic-mount] [--blobs-first]

The registry has to allow deletions. With --automatic-mount it is expected to find a blob for a mount without a source
in all repositories, and otherwise not to. What is pushed is deleted again; with --blobs-first the blobs go before the
manifests that name them.
"""
import argparse
import os
import sys

from client import Registry, Results
from strict import Strict
from workflows import Workflows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="http://HOST:PORT")
    parser.add_argument("--automatic-mount", action="store_true")
    parser.add_argument("--blobs-first", action="store_true")
    options = parser.parse_args()

    registry, results = Registry(options.url), Results()
    name = "conformance/" + os.urandom(4).hex()
    Workflows(registry, results, name + "/one", name + "/two", options.automatic_mount, not options.blobs_first).run()
    Strict(registry, results, name + "/three", name + "/four", options.automatic_mount).run()
    for failure in results.failures:
        print("FAILED", failure)
    print(f"{results.passed} passed, {len(results.failures)} failed")
    return 1 if results.failures or results.passed < 400 else 0


if __name__ == "__main__":
    sys.exit(main())
