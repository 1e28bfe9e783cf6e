"""Whoever has conditions: a segment, a scenario's branch, its trigger. The rooms above register theirs here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

from django.db import models
from django.http import Http404, HttpRequest
from django.urls import reverse

from segments.models import Condition, Group
from segments.services import rule_tree, rules


class Owner:
    """One owner of a tree of conditions: where its tree is, who may change it, where changes are written down.

    A subclass says these for one kind of row and is made known by `register`. The row refers to the outermost group by
    its column `conditions`, or the subclass says otherwise.
    """

    # The word for it in addresses.
    kind: ClassVar[str]
    model: ClassVar[type[models.Model]]

    def __init__(self, row: Any) -> None:
        self.row = row

    @classmethod
    def by_id(cls, pk: int) -> Self | None:
        """The owner with this id."""
        row = cls.model._default_manager.filter(pk=pk).first()
        return cls(row) if row is not None else None

    @classmethod
    def by_root(cls, root_id: int) -> Self | None:
        """The owner of the tree with this outermost group."""
        row = cls.model._default_manager.filter(conditions=root_id).first()
        return cls(row) if row is not None else None

    def root_id(self) -> int | None:
        """The id of the outermost group; None before the first condition."""
        return self.row.conditions_id

    def root(self) -> Group | None:
        """The tree as it is, loaded; None before the first condition."""
        pk = self.root_id()
        return rules.load([pk]).get(pk) if pk else None

    def pending(self) -> dict[str, Any] | None:
        """What the tree says of changes that do not act yet: `words` and the addresses `apply_url`, `discard_url`."""
        return None

    @contextmanager
    def editing(self) -> Iterator[Group]:
        """Holds the owner and gives its tree, loaded, to be changed; a tree is made on first use. Raises RuleError."""
        raise NotImplementedError
        yield

    def visible(self, request: HttpRequest) -> bool:
        """Whether the user may see the conditions."""
        raise NotImplementedError

    def editable(self, request: HttpRequest) -> bool:
        """Whether the user may change the conditions."""
        raise NotImplementedError

    def note(self, request: HttpRequest, words: str) -> None:
        """Writes a change into the history that belongs to the owner."""
        raise NotImplementedError

    def page(self) -> str:
        """The address of the page that shows the tree."""
        options = self.row._meta
        return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[self.row.pk])

    @property
    def name(self) -> str:
        """The owner in an address: `branch:12`."""
        return f"{self.kind}:{self.row.pk}"

    def url(self, view: str) -> str:
        """The address of one of the views of `segments.admin.rule_editor`."""
        return reverse(f"admin:segments_{view}", args=[self.kind, self.row.pk])


_KINDS: dict[str, type[Owner]] = {}


def register(kind: type[Owner]) -> type[Owner]:
    """Makes a kind of owner known: a decorator of its class."""
    _KINDS[kind.kind] = kind
    return kind


def owner(kind: str, pk: int | str) -> Owner:
    """The owner of this kind and id. Raises Http404."""
    found = None
    text = str(pk)
    if kind in _KINDS and text.isdecimal() and len(text) < 18:
        found = _KINDS[kind].by_id(int(text))
    if found is None:
        raise Http404("nobody has these conditions")
    return found


def named(name: str) -> Owner:
    """The owner that an address names: `branch:12`. Raises Http404."""
    kind, _colon, pk = name.partition(":")
    return owner(kind, pk)


def owner_of(condition: Condition) -> Owner:
    """Who has this condition in its tree. Raises Http404."""
    root_id = rule_tree.root_id(condition)
    for kind in _KINDS.values():
        found = kind.by_root(root_id)
        if found is not None:
            return found
    raise Http404("nobody has this condition")
