"""The keeper's items by name. Owns every descriptor that is put into it, and closes what it lets go."""

from whale.keeper.packets import close_all


class Shelf:
    """Holds up to `capacity` descriptors."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.held = 0
        """Descriptors, not items."""
        self._items: dict[str, tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def put(self, name: str, descriptors: tuple[int, ...]) -> bool:
        """Keep descriptors, instead of those of that name. When there is no room closes both and returns False."""
        self.remove(name)
        if self.held + len(descriptors) > self.capacity:
            close_all(descriptors)
            return False
        self._items[name] = descriptors
        self.held += len(descriptors)
        return True

    def remove(self, name: str) -> None:
        """Let go of an item. One that is not there is fine."""
        descriptors = self._items.pop(name, ())
        self.held -= len(descriptors)
        close_all(descriptors)

    def names(self) -> list[str]:
        """All names, oldest first."""
        return list(self._items)

    def get(self, name: str) -> tuple[int, ...]:
        """The descriptors of a name, which stay the shelf's; none when it is not there (any more)."""
        return self._items.get(name, ())

    def close(self) -> None:
        """Let go of everything."""
        for name in self.names():
            self.remove(name)
