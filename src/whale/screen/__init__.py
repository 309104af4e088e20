"""The terminal emulator behind repaints."""
