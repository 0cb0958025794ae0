"""What the role has written down for a site, and where its service finds its files."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

# A third of its life is left: with 90 days, a month in which a renewal may fail.
RENEWED_IN_THE_LAST = 3
# Each balancer after the first waits for so much of that third longer: with 90 days, for three days.
PATIENCE = 0.1


@dataclass(frozen=True)
class Settings:
    """What the role has written down for a site."""

    site: str
    names: list[str]
    email: str
    directory: str
    authorities: str
    key_type: str
    challenge: str
    challenge_path: str
    dns_plugin: str
    dns_propagation_seconds: int
    reachability_check: bool
    certificate_path: str
    check_command: str
    reload_command: str
    state_path: str
    # The other balancers of the site, the name that all of them prove to one another, and how many ask before this one.
    peers: list[str] = field(default_factory=list)
    peer_port: int = 0
    peer_name: str = ""
    turn: int = 0

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Return what is in a file."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    @property
    def state(self) -> Path:
        """The folder of everything that is remembered."""
        return Path(self.state_path)

    @property
    def issued(self) -> Path:
        """Where certbot leaves what was issued last."""
        return self.state / "certbot" / "live" / self.site

    @property
    def taken(self) -> Path:
        """Where there is what another balancer had, until this one has asked for its own."""
        return self.state / "taken"

    @property
    def newest(self) -> Path:
        """The folder of what is to be served."""
        return self.taken if self.taken.is_symlink() else self.issued

    @property
    def renewed_in_the_last(self) -> float:
        """For which part of a certificate's life this balancer looks for the next one."""
        return max(1 - PATIENCE * self.turn, 0.5) / RENEWED_IN_THE_LAST

    @property
    def hook(self) -> Path:
        """The script that puts a record into the DNS."""
        return Path("/etc/hotclub/acme") / f"{self.site}-dns-hook"

    @property
    def fingerprint(self) -> str:
        """A short text that changes with what the authority is asked, and how."""
        asked = [sorted(self.names), self.email, self.directory, self.challenge, self.dns_plugin]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def credential(name: str) -> Path:
    """Return where systemd has put a file for this service alone."""
    return Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / name
