"""Upgrades that a host finds, as the distribution would bring them, and what has become of them."""

from __future__ import annotations

from collections.abc import Iterable

from tests.behaviour.kit.lab import Machine

# A package of no use, of which the host has the first version and could have the second.
OFFER = """
set -e
mkdir -p /srv/offer
for version in 1.0 2.0; do
    mkdir -p /tmp/offer/DEBIAN
    printf 'Package: hotclub-offer\\nVersion: %s\\nArchitecture: all\\nMaintainer: nobody\\nDescription: of no use\\n' $version \
        > /tmp/offer/DEBIAN/control
    dpkg-deb --root-owner-group --build /tmp/offer /srv/offer/hotclub-offer_$version.deb
done
dpkg --install /srv/offer/hotclub-offer_1.0.deb
cd /srv/offer
{ cat /tmp/offer/DEBIAN/control; printf 'Filename: ./hotclub-offer_2.0.deb\\n'
  printf 'Size: %s\\nSHA256: %s\\n\\n' $(stat -c %s hotclub-offer_2.0.deb) $(sha256sum hotclub-offer_2.0.deb | cut -d' ' -f1)
} > Packages
echo 'deb [trusted=yes] file:/srv/offer ./' > /etc/apt/sources.list.d/offer.list
apt-get update -o Dir::Etc::sourcelist=sources.list.d/offer.list -o Dir::Etc::sourceparts=- -o APT::List-Cleanup=0
"""
WITHDRAW = "rm -rf /srv/offer /tmp/offer /etc/apt/sources.list.d/offer.list; dpkg --purge hotclub-offer"
# Packages that the host has, under a higher number: an upgrade as the distribution would bring it. It stays installed.
OFFER_AGAIN = """
set -e
mkdir -p /srv/offer/again
cd /srv/offer/again
for package in {packages}; do
    apt-get -qq download $package=$(apt-cache madison $package | head -1 | cut -d'|' -f2 | tr -d ' ')
    dpkg-deb --raw-extract ${{package}}_*.deb tree
    rm ${{package}}_*.deb
    sed -i "s/^Version: .*/&+again$(date +%s)/" tree/DEBIAN/control
    dpkg-deb -Zgzip -z1 --build tree $package.deb
    rm -r tree
    {{ dpkg-deb --field $package.deb; printf 'Filename: ./%s.deb\\n' $package
      printf 'Size: %s\\nSHA256: %s\\n\\n' $(stat -c %s $package.deb) $(sha256sum $package.deb | cut -d' ' -f1)
    }} >> Packages
done
echo 'deb [trusted=yes] file:/srv/offer/again ./' >> /etc/apt/sources.list.d/offer.list
apt-get update -o Dir::Etc::sourcelist=sources.list.d/offer.list -o Dir::Etc::sourceparts=- -o APT::List-Cleanup=0
"""


def booted(machine: Machine) -> str:
    return machine.run("systemctl show --property=UserspaceTimestamp --value")


def number(machine: Machine, package: str) -> str:
    return machine.run(f"dpkg-query --show --showformat '${{Version}}' {package}")


def numbers_of(machine: Machine, packages: Iterable[str]) -> dict[str, str]:
    return {package: number(machine, package) for package in packages}


def offer_again(machine: Machine, *packages: str) -> dict[str, str]:
    """Have a host find upgrades of packages that it has, and return the versions that it has now."""
    machine.run(OFFER_AGAIN.format(packages=" ".join(packages)))
    return numbers_of(machine, packages)


def outdated(machine: Machine, *units: str) -> list[str]:
    """Those of these services that run a program which is no longer on the disk."""
    program = "readlink /proc/$(systemctl show --property MainPID --value {unit})/exe | grep deleted"
    return [unit for unit in units if machine.succeeds(program.format(unit=unit))]
