"""The lab: real hosts on one machine, as containers in which systemd runs and which answer SSH.

Only the standard library is used, so that the lab runs before anything has been installed.
"""
