"""Sample images on an engine: imported once, again when their recipe changed, removed only if they are ours."""

import os

from scripts.provision import rootfs
from scripts.provision.api import EngineApi
from scripts.provision.paths import IMAGES
from scripts.provision.say import say, step

LABEL = "whale.recipe"
NAMES = ("whale/busybox", "whale/noshell", "whale/dev")


def ensure_images(engine: EngineApi) -> None:
    """Provide all sample images on the engine, and their tar files as .cache/images/NAME.tar.

    Raises ProvisionError where an image can't be made on this machine.
    """
    for recipe in rootfs.recipes():
        tar = rootfs.cached_tar(recipe)
        _link(recipe.name, tar.name)
        if recipe_on(engine, recipe.name) != recipe.digest:
            with step(f"importing the image {recipe.name} ({tar.stat().st_size // 1_000_000 or 1} MB)"):
                engine.import_image(tar, recipe.name, [*recipe.changes, f"LABEL {LABEL}={recipe.digest}"])


def recipe_on(engine: EngineApi, name: str) -> str | None:
    """Digest of the recipe an image on the engine was made with; None if it is not there or not ours."""
    image = engine.find(f"/images/{name}:latest/json")
    labels = (image or {}).get("Config", {}).get("Labels") or {}
    return labels.get(LABEL)


def remove_images(engine: EngineApi) -> None:
    """Remove the sample images from the engine, but none of the same name that someone else made."""
    for name in NAMES:
        if recipe_on(engine, name) is not None:
            removed = engine.remove(f"/images/{name}:latest")
            say(f"removed the image {name}" if removed else f"kept the image {name}: another container uses it")


def _link(name: str, target: str) -> None:
    link = IMAGES / f"{name.rpartition('/')[2]}.tar"
    if link.is_symlink() and os.readlink(link) == target:
        return
    fresh = link.with_name(f"{link.name}.{os.getpid()}")
    fresh.symlink_to(target)
    fresh.replace(link)
