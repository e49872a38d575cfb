#!/usr/bin/env python3
"""A disk in a file, whose power can be cut.

usage: loop_disk.py mount IMAGE FOLDER    mounts it; makes it first, of 256 MiB, with ext4
       loop_disk.py cut IMAGE FOLDER      nothing that is not on the disk yet will ever be: the file system is shut down
       loop_disk.py unmount IMAGE FOLDER

The mount is seen by the namespace of mounts that this runs in; whoever wants it gone with its processes makes one first.
"""
import fcntl
import os
import pathlib
import struct
import subprocess
import sys
import time

SHUT_DOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN
WITHOUT_FLUSH = 2  # what xfs_io calls "shutdown" without -f: the journal's tail in memory is lost as well
SIZE = 256 << 20


def mount(image: pathlib.Path, folder: str) -> None:
    if not image.exists():
        with open(image, "wb") as file:
            file.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)


def cut(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.ioctl(descriptor, SHUT_DOWN, struct.pack("I", WITHOUT_FLUSH))
    os.close(descriptor)


def unmount(folder: str) -> None:
    for _ in range(200):  # a process that was just killed may still hold it
        if subprocess.run(["umount", folder], stderr=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.02)
    subprocess.run(["umount", folder], check=True)


def main() -> None:
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    command, image, folder = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    if command == "mount":
        mount(image, folder)
    elif command == "cut":
        cut(folder)
    else:
        unmount(folder)


if __name__ == "__main__":
    main()
