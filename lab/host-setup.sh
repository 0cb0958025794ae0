#!/bin/sh
# Turns a plain Debian or Ubuntu image into one that boots systemd and answers SSH. Runs once, in the container
# from which the lab image is made.
set -eu
export DEBIAN_FRONTEND=noninteractive

# Container images delete what they download; lab hosts share it.
rm -f /etc/apt/apt.conf.d/docker-clean

apt-get -q -o APT::Update::Error-Mode=any update
apt-get -q -y --no-install-recommends install \
    systemd systemd-sysv dbus libpam-systemd python3 python3-apt sudo openssh-server iproute2 ca-certificates procps
apt-get -q clean

# A container can't load modules, and nobody sits at its console.
systemctl mask systemd-modules-load.service console-getty.service getty@tty1.service
systemctl set-default multi-user.target
systemctl enable ssh.service

# Each host makes its own on first boot.
rm -f /etc/ssh/ssh_host_*
: > /etc/machine-id
