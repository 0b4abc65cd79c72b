"""The flat list of entities of a JSON-LD document."""

from __future__ import annotations

from typing import Any


def reference(name: str) -> dict[str, str]:
    """A reference to an entity."""
    return {"@id": name}


class Graph:
    """Entities by ``@id``; what is empty is left out."""

    def __init__(self) -> None:
        self._entities: dict[str, dict[str, Any]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._entities

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self._entities[name]

    def add(self, at: str, kind: str | list[str], /, **properties: Any) -> dict[str, str]:
        """Add an entity, or properties that it did not have yet; a reference to it.

        A list of types replaces a single one.
        """
        entity = self._entities.setdefault(at, {"@id": at, "@type": kind})
        if isinstance(kind, list):
            entity["@type"] = kind
        for key, value in properties.items():
            if value not in (None, "", []):
                entity.setdefault(key, _single(value))
        return reference(at)

    def append(self, name: str, key: str, value: dict[str, str]) -> None:
        """Add a reference to a property, once."""
        entity = self._entities[name]
        present = entity.get(key, [])
        values = present if isinstance(present, list) else [present]
        if value not in values:
            entity[key] = _single([*values, value])

    def entities(self) -> list[dict[str, Any]]:
        """All entities in the order in which they came."""
        return list(self._entities.values())


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value
