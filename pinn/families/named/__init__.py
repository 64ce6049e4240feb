"""Families that come along, one file each."""
