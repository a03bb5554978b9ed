"""A facility's Tango on the loopback interface: MariaDB, the C++ database and Starter, from Debian's packages."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

import tango

from dranspose_tango.database import LOOPBACK, DatabaseError, connect
from dranspose_tango.supervision import Program, Supervisor

PATIENCE = 60.0  # seconds; only what fails ever takes so long
A_MOMENT = 0.05  # seconds


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds; raises TimeoutError if it never does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(A_MOMENT)


@dataclass(frozen=True, slots=True)
class CppTango:
    """What runs.

    Attributes:
        tango_host: of the database.
        starter: the device that starts and stops servers on this host.
    """

    tango_host: str
    starter: str


@contextmanager
def cpp_tango(root: Path, folder: Path, servers: Path) -> Iterator[CppTango]:
    """Run the three until the end of the context.

    Args:
        root: what `unpack_tango.sh` has made.
        folder: for data and logs.
        servers: where Starter finds the executables of servers.
    """
    with Supervisor() as supervisor:
        installation = _Installation(root, folder, supervisor)
        installation.start_mariadb()
        tango_host = installation.start_database()
        yield CppTango(tango_host, installation.start_starter(tango_host, servers))


@dataclass(frozen=True, slots=True)
class _Installation:
    root: Path
    folder: Path
    supervisor: Supervisor

    @property
    def environment(self) -> dict[str, str]:
        libraries = self.root.glob("usr/lib/*-linux-gnu*")
        return {
            "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
            "MYSQL_UNIX_PORT": str(self.folder / "mariadb.socket"),
            "MYSQL_USER": getuser(),
        }

    def start_mariadb(self) -> None:
        """Start MariaDB with Tango's tables; this user needs no password."""
        usr, data = self.root / "usr", self.folder / "mariadb"
        self.run(
            *(f"{usr}/bin/mariadb-install-db", "--no-defaults", f"--basedir={usr}", f"--datadir={data}"),
            *("--auth-root-authentication-method=socket", f"--auth-root-socket-user={getuser()}", "--skip-test-db"),
        )
        self.start(
            *(f"{usr}/sbin/mariadbd", "--no-defaults", f"--basedir={usr}", f"--datadir={data}", "--skip-networking"),
            f"--user={getuser()}",
        )
        client = (f"{usr}/bin/mariadb", "--no-defaults")
        wait_until(lambda: self.succeeds(*client, "--execute=quit"))
        install = (usr / "share/dbconfig-common/data/tango-db/install/mysql").read_text()
        tables = "create database tango; use tango;\n" + install.replace("source /usr/", f"source {usr}/")
        self.run(*client, text=tables)

    def start_database(self) -> str:
        """Start the database's server and return its TANGO_HOST."""
        with socket.create_server((LOOPBACK, 0)) as server:
            port = server.getsockname()[1]
        self.start(f"{self.root}/usr/lib/tango/DataBaseds", "2", "-ORBendPoint", f"giop:tcp:{LOOPBACK}:{port}")
        tango_host = f"{LOOPBACK}:{port}"

        def answers() -> bool:
            try:
                connect(tango_host)
            except DatabaseError:
                return False
            return True

        wait_until(answers)
        return tango_host

    def start_starter(self, tango_host: str, servers: Path) -> str:
        """Register and start Starter, and return the name of its device."""
        host = socket.gethostname().partition(".")[0]
        info = tango.DbDevInfo()
        info.name, info._class, info.server = f"tango/admin/{host}", "Starter", f"Starter/{host}"
        database = connect(tango_host)
        database.add_device(info)
        database.put_device_property(
            info.name, {"StartDsPath": [str(servers)], "LogFileHome": [str(self.folder)], "UseEvents": ["0"]}
        )
        self.start(
            *(f"{self.root}/usr/lib/tango/Starter", host, "-ORBendPoint", f"giop:tcp:{LOOPBACK}:0"),
            TANGO_HOST=tango_host,
        )
        wait_until(lambda: bool(database.get_device_info(info.name).exported))
        return str(info.name)

    def all_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def succeeds(self, *command: str) -> bool:
        return subprocess.run(command, env=self.all_environment(), stderr=subprocess.DEVNULL).returncode == 0

    def run(self, *command: str, text: str = "") -> None:
        subprocess.run(
            command, input=text, text=True, check=True, env=self.all_environment(), stdout=subprocess.DEVNULL
        )

    def start(self, *command: str, **environment: str) -> None:
        name = Path(command[0]).name
        log = self.folder / f"{name}.log"
        self.supervisor.start([Program(name, command, log, self.folder, {**self.environment, **environment})])
