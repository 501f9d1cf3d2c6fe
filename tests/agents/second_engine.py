"""A Docker engine of the tests' own, which they may kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OPTIONS = (
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--ip-forward=false",
    "--ip-masq=false",
    "--userland-proxy=false",
    "--log-level=error",
)


def unusable() -> str | None:
    """Why none can be started here."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        return "it takes root and dockerd to start a second engine"
    if Path("/sys/class/net/docker0").exists():
        return "a second engine without a bridge would remove docker0, the first one's"
    return None


class SecondEngine:
    """dockerd with everything in `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = f"unix://{home}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, after a crash too, and wait until it answers."""
        # Its number may be another process's by now.
        (self.home / "docker.pid").unlink(missing_ok=True)
        (self.home / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)
        command = ["dockerd", f"--data-root={self.home}/data", f"--exec-root={self.home}/exec"]
        command += [f"--pidfile={self.home}/docker.pid", f"--host={self.url}", *OPTIONS]
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, process_group=0)
        deadline = time.monotonic() + 60
        while subprocess.run(["docker", "-H", self.url, "version"], capture_output=True).returncode:
            assert time.monotonic() < deadline, (self.home / "log").read_text()
            time.sleep(0.1)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; SIGKILL is waited for."""
        assert self._process is not None
        self._process.send_signal(number)
        if number == signal.SIGKILL:
            self._process.wait()

    def stop(self) -> None:
        """Have it end by itself, and free what it has mounted."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        self._process.wait(60)
        # One that was killed leaves its mounts, the directory on itself among them.
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in reversed(mounts):
            if mount.startswith(f"{self.home}/"):
                subprocess.run(["umount", "--lazy", mount], check=True)

    def containers(self) -> list[str]:
        """All that there are, in whatever state.

        After a crash Docker 20.10 goes on to list, as dead, what it no longer has.
        """
        listing = self._docker("ps", "-aq")
        listing.check_returncode()
        return [each for each in listing.stdout.split() if self._has(each)]

    def processes(self) -> list[str]:
        """Command lines of this machine's processes that keep its containers."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                line = (process / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if b"containerd-shim" in line and str(self.home).encode() in line:
                found.append(line.replace(b"\0", b" ").decode())
        return found

    def _has(self, container: str) -> bool:
        return self._docker("inspect", container).returncode == 0

    def _docker(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["docker", "-H", self.url, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def second_engine() -> Iterator[SecondEngine]:
    """A running one; in the end it is stopped and its files are removed."""
    # Socket paths are short, and pytest's directories are not.
    with tempfile.TemporaryDirectory(prefix="engine-") as home:
        engine = SecondEngine(Path(home))
        engine.start()
        try:
            yield engine
        finally:
            engine.stop()
