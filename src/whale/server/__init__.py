"""The composition root: settings, wiring, life cycle. Nothing below it reads files or the environment."""
