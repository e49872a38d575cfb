#!/usr/bin/env python3
"""A disk in a file, whose power can be cut.

usage: loop_disk.py mount IMAGE FOLDER [ext4|xfs]   mounts it; makes it first, of 1 GiB
       loop_disk.py cut IMAGE FOLDER   nothing that is not on the disk yet will ever be: the file system is shut down
       loop_disk.py unmount IMAGE FOLDER

The mount is seen by the namespace of mounts that this runs in; whoever wants it gone with its processes makes one first.
Who loses power starts anew: with each mount the kernel is another one there, as far as its boot_id tells.
"""
import fcntl
import os
import pathlib
import struct
import subprocess
import sys
import time
import uuid

SHUT_DOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN
WITHOUT_FLUSH = 2  # what xfs_io calls "shutdown" without -f: the journal's tail in memory is lost as well
SIZE = 1 << 30  # of which a hundred cuts leave some free
BOOT_ID = "/proc/sys/kernel/random/boot_id"


def mount(image: pathlib.Path, folder: str, file_system: str) -> None:
    if not image.exists():
        with open(image, "wb") as file:
            file.truncate(SIZE)
        quietly = ["-q", "-F"] if file_system == "ext4" else ["-q"]
        subprocess.run([f"mkfs.{file_system}", *quietly, image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    boot = image.with_suffix(".boot")
    boot.unlink(missing_ok=True)
    boot.write_text(f"{uuid.uuid4()}\n")
    boot.chmod(0o644)
    subprocess.run(["mount", "--bind", boot, BOOT_ID], check=True)


def cut(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.ioctl(descriptor, SHUT_DOWN, struct.pack("I", WITHOUT_FLUSH))
    os.close(descriptor)


def unmount(folder: str) -> None:
    subprocess.run(["umount", BOOT_ID], check=True)
    for _ in range(200):  # a process that was just killed may still hold it
        if subprocess.run(["umount", folder], stderr=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.02)
    subprocess.run(["umount", folder], check=True)


def main() -> None:
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    command, image, folder = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    if command == "mount":
        mount(image, folder, *sys.argv[4:5] or ["ext4"])
    elif command == "cut":
        cut(folder)
    else:
        unmount(folder)


if __name__ == "__main__":
    main()
