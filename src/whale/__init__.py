"""Whale: secure remote access to containers through one authenticated gateway."""

__version__ = "0.1.0"
