"""Stands for azureml.core.workspace."""

from __future__ import annotations

from typing import Any

from stepsight.errors import NotOfferedError

__all__ = ["Workspace"]


class Workspace:
    """A workspace in name only: there is no Azure ML behind it."""

    def __init__(
        self,
        subscription_id: str = "",
        resource_group: str = "",
        workspace_name: str = "",
        **_: Any,
    ) -> None:
        self.subscription_id = subscription_id
        self.resource_group = resource_group
        self.name = workspace_name or "stepsight"

    @classmethod
    def from_config(cls, *_: Any, **__: Any) -> Workspace:
        """A workspace, whatever a config file says."""
        return cls()

    @classmethod
    def get(cls, name: str = "", **options: Any) -> Workspace:
        """A workspace of that name."""
        known = ("subscription_id", "resource_group")
        return cls(workspace_name=name, **{key: options.get(key) or "" for key in known})

    def __getattr__(self, name: str) -> Any:
        raise NotOfferedError(f"workspace.{name} needs Azure ML: install azureml-core")
