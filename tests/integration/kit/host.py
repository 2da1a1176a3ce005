"""A real host's stand-in: commands of a manual run in a root of their own.

In new namespaces (mounts, network, IPC, processes) a root is made of this
machine's /usr, read only, a copy of /etc, and empty /usr/local, /var, /run and
/tmp; the commands run there as root, with kit/systemctl.py for systemd.
Nothing outside is touched, and all processes end with the commands.

Started by an ordinary user that root is root of a user namespace which has one
user only: gaff's users are names for it there.
"""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys

from .process import environment, program

HERE = os.path.dirname(os.path.abspath(__file__))
LINKS = ("bin", "sbin", "lib", "lib64", "lib32", "libx32")
EMPTY = ("usr/local", "var", "run", "tmp", "root")
DIRECTORIES = (
    "usr/local/sbin", "run/lock", "var/lib/apache2", "var/lib/nginx",
    "var/log/apache2", "var/log/nginx", "var/log/lighttpd", "var/log/units",
    "var/cache/apache2", "var/cache/lighttpd/uploads",
    "var/cache/lighttpd/compress", "var/www/html", "run/lighttpd")
NAMES = {"passwd": ("gaff", "gaff-gw"),
         "group": ("gaff", "gaff-gw", "gaff-link")}
LINE = {"passwd": "{}:x:0:0::/:/bin/sh\n", "group": "{}:x:0:\n"}


def run(script, tree, directory, env, timeout=300):
    """Run a script of /bin/sh in the directory `tree`, which is there too."""
    argv = [program("unshare"), "--mount", "--net", "--ipc", "--pid",
            "--fork", "--kill-child"]
    if os.getuid() != 0:
        argv += ["--map-root-user"]
        env = {**env, "GAFF_ONE_USER": "1"}
    if "ASAN_OPTIONS" in os.environ:
        # /proc there is of another process namespace, and so is /tmp
        env = {**env, "ASAN_OPTIONS": "detect_leaks=0:exitcode=99",
               "UBSAN_OPTIONS": "print_stacktrace=1"}
    argv += [sys.executable, "-m", "kit.host", tree, directory]
    return subprocess.run(
        argv, input=script, env=environment({**env, "HOME": "/root"}),
        cwd=os.path.dirname(HERE), text=True, timeout=timeout,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


# ---- inside ----

def mount(*words):
    subprocess.run(["mount", *words], check=True)


def bind(path, root):
    os.makedirs(root + path, exist_ok=True)
    mount("--rbind", path, root + path)


def name_one_user(root):
    """gaff's users are the only one there is."""
    for name, users in NAMES.items():
        path = f"{root}/etc/{name}"
        with open(path) as f:
            lines = [line for line in f if line.split(":")[0] not in users]
        with open(path, "w") as f:
            f.writelines(lines + [LINE[name].format(u) for u in users])
    for name in ("shadow", "gshadow"):
        with open(f"{root}/etc/{name}", "w"):
            pass
    # port 80 is for everybody in this network
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as f:
        f.write("0")


def make_root(root, tree):
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", root)
    for name in LINKS:
        if os.path.islink("/" + name):
            os.symlink(os.readlink("/" + name), f"{root}/{name}")
    for path in ("/usr", "/proc", "/sys", "/dev"):
        bind(path, root)
    mount("-t", "tmpfs", "tmpfs", root + "/dev/shm")
    if os.getuid() == 0 and "GAFF_ONE_USER" not in os.environ:
        mount("-o", "remount,bind,ro", root + "/usr")
    for name in EMPTY:
        os.makedirs(f"{root}/{name}", exist_ok=True)
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", f"{root}/{name}")
    for name in DIRECTORIES:
        os.makedirs(f"{root}/{name}")
    os.symlink("/run", f"{root}/var/run")
    os.symlink("/run/lock", f"{root}/var/lock")
    os.chmod(f"{root}/tmp", 0o1777)
    # what an ordinary user may not read is not needed
    subprocess.run(["cp", "-a", "/etc", root + "/etc"],
                   stderr=subprocess.DEVNULL)
    shutil.rmtree(root + "/etc/gaff", ignore_errors=True)
    shutil.copy(os.path.join(HERE, "systemctl.py"),
                root + "/usr/local/sbin/systemctl")
    if "GAFF_ONE_USER" in os.environ:
        name_one_user(root)
    else:
        for name in ("log/nginx", "log/lighttpd", "cache/lighttpd/uploads"):
            shutil.chown(f"{root}/var/{name}", "www-data", "www-data")
    bind(tree, root)


def raise_loopback():
    """`ip link set lo up`: netdevice(7)."""
    flags = 0x1  # IFF_UP
    with socket.socket() as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh22x", b"lo", flags))


def enter(root):
    """Not by chroot(2): below one nobody may make a user namespace."""
    os.mkdir(root + "/old")
    subprocess.run(["pivot_root", root, root + "/old"], check=True)
    os.chdir("/")
    mount("--make-rprivate", "/old")
    subprocess.run(["umount", "--lazy", "/old"], check=True)
    os.rmdir("/old")


def main(tree, directory):
    raise_loopback()
    root = os.path.join(directory, "root")
    os.mkdir(root)
    make_root(root, tree)
    enter(root)
    os.chdir(tree)
    os.environ["PATH"] = ("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                          "/sbin:/bin")
    return subprocess.run(["/bin/sh", "-ex"]).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
