"""Proves the collection on applications that others wrote: a small repository and an inventory for each."""
