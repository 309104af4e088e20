"""The adapter for the Docker Engine API, version 1.41 and newer, and for Podman's compatible API."""
